"""watchdog's observer for Windows, whose reader sees moves between folders and no mere looks at files.

watchdog's own reader also has the times of last access reported: a container that reads a file would be told that
it was written. It throws the files' identities away, and it collects until nothing happens for a second.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import queue
import sys
import threading
import time
from ctypes import wintypes

from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    generate_sub_created_events,
)
from watchdog.observers.api import BaseObserver, EventEmitter

from engine.file_events.windows_changes import ADDED, MODIFIED, NEW_NAME, REMOVED, Change, paired, parse

assert sys.platform == "win32"

log = logging.getLogger(__name__)

LIST, SHARE_ALL, EXISTING, FOLDER = 0x1, 0x7, 3, 0x02000000
NAMES, ATTRIBUTES, SIZE, LAST_WRITE = 0x3, 0x4, 0x8, 0x10
EXTENDED = 2
ABORTED, NOT_OFFERED = 995, (1, 50, 87)
"""Arguments and errors of CreateFileW and ReadDirectoryChangesExW (winnt.h, winbase.h, winerror.h)."""

BUFFER = 64 * 1024
"""More is refused for folders of the network."""

SETTLE, LONGEST = 0.02, 0.25
"""Seconds without a report after which both halves of a move have come; while there are more, wait no longer."""

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.CreateFileW.restype = wintypes.HANDLE
_read_brief = _kernel.ReadDirectoryChangesW
_read_extended = getattr(_kernel, "ReadDirectoryChangesExW", None)


class ChangeReader:
    """Reads what Windows reports of one folder, in a thread of its own.

    :ivar reports: lists of changes; None: the folder is gone.
    :raise OSError: the folder cannot be opened.
    """

    def __init__(self, folder: str, *, whole: bool) -> None:
        self.reports: queue.SimpleQueue[list[Change] | None] = queue.SimpleQueue()
        self._folder = folder
        self._whole = whole
        self._extended = _read_extended is not None
        self._stopped = False
        handle = _kernel.CreateFileW(folder, LIST, SHARE_ALL, None, EXISTING, FOLDER, None)
        if handle == wintypes.HANDLE(-1).value:
            raise ctypes.WinError(ctypes.get_last_error())
        self._handle = wintypes.HANDLE(handle)
        self._thread = threading.Thread(target=self._read, name=f"changes of {folder}", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop reading; waits for the end."""
        self._stopped = True
        while self._thread.is_alive():
            _kernel.CancelIoEx(self._handle, None)  # it may just be about to wait
            self._thread.join(0.05)
        _kernel.CloseHandle(self._handle)

    def _read(self) -> None:
        buffer, size = ctypes.create_string_buffer(BUFFER), wintypes.DWORD()
        what = NAMES | ATTRIBUTES | SIZE | LAST_WRITE
        while not self._stopped:
            arguments = (self._handle, buffer, BUFFER, self._whole, what, ctypes.byref(size), None, None)
            if self._extended and _read_extended is not None:
                succeeded = _read_extended(*arguments, EXTENDED)
            else:
                succeeded = _read_brief(*arguments)
            if succeeded and size.value == 0:
                log.warning("%s: more changes than Windows reports at once, some are not forwarded", self._folder)
            elif succeeded:
                data = ctypes.string_at(buffer, size.value)
                self.reports.put(list(parse(data, extended=self._extended)))
            elif self._extended and ctypes.get_last_error() in NOT_OFFERED:
                self._extended = False
            elif ctypes.get_last_error() != ABORTED:
                self.reports.put(None)
                return


class WindowsEmitter(EventEmitter):
    """Makes watchdog's events of one folder's changes."""

    _reader: ChangeReader | None = None

    def on_thread_start(self) -> None:
        self._reader = ChangeReader(self.watch.path, whole=self.watch.is_recursive)

    def on_thread_stop(self) -> None:
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.stop()

    def queue_events(self, timeout: float) -> None:
        reader = self._reader
        if reader is None:
            return
        changes: list[Change] = []
        gone, wait, until = False, timeout, float("inf")
        with contextlib.suppress(queue.Empty):
            while time.monotonic() < until:
                report = reader.reports.get(timeout=wait)
                if report is None:
                    gone = True
                    break
                until = min(until, time.monotonic() + LONGEST)
                changes += report
                wait = SETTLE
        for change in paired(changes):
            self._queue_change(change)
        if gone:
            self.queue_event(DirDeletedEvent(self.watch.path))
            self.stop()

    def _queue_change(self, change: Change) -> None:
        path = os.path.join(self.watch.path, change.name)  # noqa: PTH118 - a text stays a text
        folder = os.path.isdir(path) if change.folder is None else change.folder  # noqa: PTH112 - as above
        event: FileSystemEvent | None = None
        if change.action == NEW_NAME:
            before = os.path.join(self.watch.path, change.before)  # noqa: PTH118 - as above
            event = (DirMovedEvent if folder else FileMovedEvent)(before, path)
        elif change.action == ADDED:
            event = (DirCreatedEvent if folder else FileCreatedEvent)(path)
        elif change.action == REMOVED:
            event = (DirDeletedEvent if folder else FileDeletedEvent)(path)
        elif change.action == MODIFIED and not folder:
            event = FileModifiedEvent(path)
        if event is not None:
            self.queue_event(event)
        if change.action == ADDED and folder and self.watch.is_recursive:
            for inside in generate_sub_created_events(path):  # of a folder that has come from elsewhere
                self.queue_event(inside)


class WindowsObserver(BaseObserver):
    """``WindowsApiObserver`` with a :class:`ChangeReader`."""

    def __init__(self) -> None:
        super().__init__(WindowsEmitter)
