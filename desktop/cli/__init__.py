"""`slipway`: a thin client of the control API.

__main__.py   the entry: runs a command, turns errors into text and exit codes
group.py      the commands by name; a command's module is imported when it is used
output.py     progress, errors, tables and JSON
machine.py    start, stop, restart, status        inside.py   logs, shell, version
upkeep.py     settings, disk, image, context      care.py     diagnose, reset, completion
debug.py     debug
"""
