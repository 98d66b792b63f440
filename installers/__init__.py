"""From a checkout to a running engine: dev.py is what a person starts, checkout/ does the work."""
