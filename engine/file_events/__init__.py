"""Forwards changes of the host's files to the processes in containers that watch them.

    files ─► watcher.py ─► file_event.py ══ stream of the link ══► replay (vm/image/native) ─► inotify ─► container
             watchdog      what is left of them

file_event.py     one change: which changes can be left out, and how one is encoded for the guest
watcher.py        the host's side, by watchdog (its observers: inotify.py on Linux, windows.py on Windows)
windows_changes.py   what Windows reports, and the moves in it
mounts_in_use.py  which folders are worth watching: what running containers mount
event_sender.py   sends changes and leases to the guest's program
forwarder.py      runs all of this while machine, link and containers come and go
"""

from engine.file_events.forwarder import FileEventForwarder

__all__ = ["FileEventForwarder"]
