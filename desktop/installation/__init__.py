"""What an installer asks of the installed program: all that NSIS, MSI and dpkg cannot do well, in tested Python.

    __main__.py   ``--run-module desktop.installation COMMAND``: in-use, end, path, remove
    in_use.py     the programs that still use the files which the installer is about to replace
    ending.py     asks these to end, which the Debian package does before its files change
    path.py       the PATH variable, the user's or the computer's
    removal.py    what Slipway has made outside its own folder: contexts, start at login; its data, if wanted

Ending the window and the engine is the business of their own commands (``Slipway.exe --quit``, ``slipway stop``).
"""
