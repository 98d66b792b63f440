"""From a checkout to a running engine or to the tests; started by ``installers/dev.py``.

    commands.py        what you type: run, test, lock
    lanes.py           all tests, in two lanes at once
    coverage_table.py  which part of the shipped code they run
    results.py         their outcome, and which skips are known
    console.py         prints progress
    environment.py     the virtual environment, from the lock file
    locks.py           makes the lock files
    system.py          programs this needs from the system, and who installs them
    tools.py           the docker CLI with its plugins, and the tests' busybox and skopeo, from Debian where needed
    fetch.py           unpacks those; the one module here that runs inside the virtual environment

Everything but fetch.py is plain standard library, because it runs before anything is installed.
"""
