"""The supervisor: the one process per user that owns the machine, the endpoint and the engine. No Qt.

__main__.py   the entry; process.py the process: lock, logging, signals, end
app.py        the composition root: puts the parts together and knows what follows from what
startup.py    one start, stage by stage
recovery.py   what to do when QEMU ends by itself
truth.py      the status: a real call through the user's own socket, else the hop that failed
jobs.py       long work with followers; boots.py keeps the timings; upkeep.py disk, images, context, reset
mounting.py   what containers may mount: for the endpoint, and in words for who meets a refusal
server.py     the control API: calls in, answers out; handlers.py what does each call; debug.py one of them
news.py       who watches
"""
