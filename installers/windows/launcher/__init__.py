"""``slipway.exe`` and ``Slipway.exe``: what users start. Small programs in C that run Python inside themselves.

build.py            compiles them, with icon, version and manifest
launcher.c          the program
launcher.manifest   what Windows may expect of it: no administrator, long paths, sharp on every screen
"""
