"""What an installer asks of the installed program: all that NSIS and MSI cannot do well, in tested Python.

    __main__.py   ``--run-module desktop.installation COMMAND``: in-use, path, remove
    in_use.py     the programs that still use the files which the installer is about to replace
    path.py       the PATH variable, the user's or the computer's
    removal.py    what Slipway has made outside its own folder: contexts, start at login; its data, if wanted

Ending the window and the engine is the business of their own commands (``Slipway.exe --quit``, ``slipway stop``).
"""
