"""The control API: HTTP/1.1 with JSON over the supervisor's local socket, versioned and typed.

schema.py   requests, replies and events as frozen values
client.py   the client, and starting the supervisor when there is none
window.py   opening the window
"""
