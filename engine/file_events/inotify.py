"""watchdog's observer for Linux, with pauses between reads so that the kernel merges events.

inotify(7) merges an event with the last queued one when they are equal. A reader without pauses gets one event for
each write, so a container that writes in small pieces would keep the host busy. Imports on Linux only.
"""

from __future__ import annotations

from watchdog.observers.api import BaseObserver
from watchdog.observers.inotify import InotifyEmitter
from watchdog.observers.inotify_c import DEFAULT_EVENT_BUFFER_SIZE, InotifyEvent, InotifyFD

PAUSE = 0.01
"""Seconds between two reads; the first event after a quiet moment is read at once."""


class BatchingReader(InotifyFD):
    """Waits :data:`PAUSE` after a read that returned events."""

    def __init__(self) -> None:
        super().__init__()
        self._busy = False

    def read_events(self, *, event_buffer_size: int = DEFAULT_EVENT_BUFFER_SIZE) -> list[InotifyEvent]:
        if self._busy:
            self.stopped_event.wait(PAUSE)
        events = super().read_events(event_buffer_size=event_buffer_size)
        self._busy = bool(events)
        return events


class BatchingObserver(BaseObserver):
    """``InotifyObserver`` with a :class:`BatchingReader`."""

    def __init__(self) -> None:
        self._reader = BatchingReader()
        self._reader.start()
        super().__init__(InotifyEmitter, inotify_fd=self._reader)

    def on_thread_stop(self) -> None:
        super().on_thread_stop()
        self._reader.stop()
        self._reader.join()
