"""`slipway`: a thin client of the control API.

__main__.py     entry point: runs a command, turns errors into text and exit codes
group.py        the commands by name; a command's module is imported when it is used
session.py      runs one command's calls with one client
output.py       progress, errors, tables and JSON
streams.py      standard streams that are closed, full, or without a reader
signals.py      a terminal that is closed, SIGTERM
machine.py      start, stop, restart, status       inspect.py      logs, ports, folders, shell, version
settings.py     settings                           storage.py      disk, image
docker.py       context, credentials               maintenance.py  diagnose, reset, completion
window.py       open, menu                         debug.py        debug
engine.py       engine                             help.py         help
tls.py          tls
"""
