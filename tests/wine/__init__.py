"""Slipway's files for Windows, run by Wine: real Windows programs, without Windows.

    conftest.py      the payload and the Wine system, once for each process of tests
    system.py        WineSystem: runs Windows programs, and ends all of them
    root.py          the root folder with Wine, from Debian's packages; kept in the cache
    installed.py     Slipway where it is installed
    registry.py      reads Windows' registry
    prefix.py        a fresh registry and C: drive; kept in the cache
    windows.py       a Windows on which Slipway runs, with its machine
    cases.py         runs ``*_cases.py`` by Windows' Python, in which case_runner.py runs each case
    pipe_socket.py   a raw client of pipes; pipe_stage.py is an endpoint for them
    suite.py         runs the window's own tests there, by pytest
    windows_engine.py    dockerd.exe, and what it needs of Windows
    keeping.py       programs that keep a file or a port from others
    __main__.py      a prompt there, to try things by hand: ``installers/dev.py wine``
    namespaces.py    mounts and processes of their own for them, by enter.sh

Nothing is installed on the host and nothing is left behind: Wine has mounts, processes and a screen of its own,
which the kernel takes away when the tests end, however they end. It needs root, or user namespaces.

What Wine 10 does not have: WHPX, AF_UNIX sockets, ``os.symlink``.
"""
