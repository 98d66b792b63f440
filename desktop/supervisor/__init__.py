"""The supervisor: the one process per user that owns the machine, the endpoint and the engine. No Qt.

__main__.py   the entry                            process.py    the process: lock, logging, signals, end
app.py        the composition root: makes the pieces and connects them; it only wires
context.py    what parts and operations may know: three Protocols
settings.py   the settings in use, with one writer guest.py      the running machine, for parts and operations
lifecycle/    the only writer of run state, failure and gate
parts/        what runs beside the engine: ports, folders, file events, names …
operations/   what can be asked besides starting and stopping: disk, images, reset, support …
default_socket.py   Docker's default address as well, where this user may listen there
admission.py  what the endpoint checks before a container is created or started
server.py     the control API: calls in, answers out; handlers.py does each call
notifier.py   change notification for status watchers
fake/         a stand-in with scripted containers, for the window and its tests
"""
