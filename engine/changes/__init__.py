"""Changes of the host's files, told to those who watch in containers.

    files ─► watcher.py ─► change.py ══ a stream of the link ══► replay (vm/image/native) ─► inotify ─► container
             watchdog      what is left of it

change.py    one change: what can be left out, and how it is written for the guest
watcher.py   the host's side; the only user of watchdog
used.py      which folders are worth watching: what running containers mount
teller.py    the way to the guest's program, and how long that may believe what it knows
replayer.py  keeps both sides together while machine, link and containers come and go
"""

from engine.changes.replayer import Replayer

__all__ = ["Replayer"]
