"""The control API: HTTP/1.1 with JSON over the supervisor's local socket, versioned and typed.

calls.py    each call, declared once: client, server and stand-in are made from it
schema/     requests, replies and events as frozen values, by area
codec.py    these values as JSON and back, checked against their types
client.py   the client; errors.py what goes wrong on the way to the supervisor
spawn.py    starting the supervisor, once; lock.py the lock that says that one lives
bundle.py   the support bundle
window.py   opening the window
shell.py    a shell in the machine
"""
