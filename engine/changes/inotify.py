"""watchdog's observer on Linux, which here lets the kernel make one event of a file's many.

inotify(7) merges an event with the last one that waits to be read, when they are alike. Who reads without a pause
gets one event for each write, and a container that writes in small pieces keeps the host busy with nothing else.
The module can be imported on Linux only.
"""

from __future__ import annotations

from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyEmitter
from watchdog.observers.inotify_c import DEFAULT_EVENT_BUFFER_SIZE, InotifyEvent, InotifyFD

PAUSE = 0.01
"""Seconds between two reads; what comes after a quiet moment is read at once."""


class CalmReader(InotifyFD):
    """Reads what has come since the last time, :data:`PAUSE` later."""

    def __init__(self) -> None:
        super().__init__()
        self._busy = False

    def read_events(self, *, event_buffer_size: int = DEFAULT_EVENT_BUFFER_SIZE) -> list[InotifyEvent]:
        if self._busy:
            self.stopped_event.wait(PAUSE)
        events = super().read_events(event_buffer_size=event_buffer_size)
        self._busy = bool(events)
        return events


class CalmObserver(BaseObserver):
    """As ``InotifyObserver``, which makes a reader of its own."""

    def __init__(self) -> None:
        self._reader = CalmReader()
        self._reader.start()
        super().__init__(InotifyEmitter, inotify_fd=self._reader)

    def on_thread_stop(self) -> None:
        super().on_thread_stop()
        self._reader.stop()
        self._reader.join()
