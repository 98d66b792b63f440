"""From a checkout to a running engine, and to packages that need none.

dev.py     what you start; checkout/ does the work
common/    what the packages of all systems are made with
windows/   what the package for Windows holds
linux/     the packages for Linux
"""
