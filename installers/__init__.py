"""From a checkout to a running engine: you start dev.py, and checkout/ does the work."""
