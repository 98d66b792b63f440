"""Several engines behind one endpoint, of which one is in use. Each has a lifecycle of its own.

engines.py    all of them: start, stop, restart, adopt, and what is reported of each
switch.py     from one to another, step by step; one that fails leaves the one before in use
main_gate.py  the user's endpoint: it does what the gate of the engine in use does
record.py     which one is in use, kept over restarts
windows.py    the engine of Windows containers
"""
