"""The installer for Windows, by NSIS (Debian's package ``nsis``).

build.py        runs makensis, after it has looked whether NSIS is the one whose parts we know
installer.nsi   the installer's and uninstaller's script
"""
