"""The package for administrators: an MSI for all users, by wixl and msibuild (Debian's wixl and msitools).

build.py    runs them
source.py   the WiX source: every file in a component, the Start menu, what runs at removal
"""
