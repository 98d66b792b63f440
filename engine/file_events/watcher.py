"""The host's side: watches folders with watchdog (inotify, FSEvents, ReadDirectoryChangesW).

watchdog reports both names of a move, needs no process of its own, and is maintained for all three systems;
watchfiles (Rust) walks large trees faster, but makes a deletion and a creation of a move.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path

import psutil
from watchdog.events import (
    DirCreatedEvent,
    DirDeletedEvent,
    DirMovedEvent,
    FileAttribEvent,
    FileCreatedEvent,
    FileDeletedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

from engine.file_events.file_event import FileEvent, Kind
from engine.file_events.mounts_in_use import MountsInUse
from vm.guest.hostpath import is_within, to_guest

log = logging.getLogger(__name__)

KINDS: dict[type[FileSystemEvent], Kind] = {
    FileCreatedEvent: Kind.CREATE,
    DirCreatedEvent: Kind.CREATE,
    FileModifiedEvent: Kind.MODIFY,
    FileAttribEvent: Kind.MODIFY,  # `touch` is meant to be noticed
    FileMovedEvent: Kind.MOVE,
    DirMovedEvent: Kind.MOVE,
    FileDeletedEvent: Kind.DELETE,
    DirDeletedEvent: Kind.DELETE,
}

LIMIT = 100_000
"""Changes that are kept until they are taken; more are dropped, and the log says so."""

LIMITS = {errno.ENOSPC: "fs.inotify.max_user_watches=1048576", errno.EMFILE: "fs.inotify.max_user_instances=1024"}
"""Linux's limits for all programs of a user together (inotify(7)), by the error they cause."""


OBSERVER = getattr(Observer, "__name__", "")
"""Which of watchdog's it is on this system."""

EXACT = OBSERVER == "InotifyObserver"
"""Whether every change is reported, as inotify does while its queue is read. What FSEvents and
ReadDirectoryChangesW leave out silently was not measured."""

OURS = {
    "InotifyObserver": ("engine.file_events.inotify", "BatchingObserver"),
    "WindowsApiObserver": ("engine.file_events.windows", "WindowsObserver"),
}
"""watchdog's observer → the module and class that do better."""

LOCAL = ("btrfs", "ext2", "ext3", "ext4", "f2fs", "overlay", "tmpfs", "xfs", "zfs")
"""File systems that change only through this kernel, which reports every change."""


class Watcher(FileSystemEventHandler):
    """Collects changes in watchdog's threads; belongs to the loop it was made in.

    :param ignored: folders whose changes are not collected, such as Slipway's own.
    :ivar news: set while there are changes to take.
    :ivar unwatched: existing folders that are not watched completely; why, and a remedy where one is known.
    :ivar outdated: :meth:`exact` has found that :meth:`watch` has to be called again.
    """

    def __init__(self, ignored: tuple[str, ...] = ()) -> None:
        self.news = asyncio.Event()
        self.unwatched: dict[str, str] = {}
        self.outdated = False
        self._loop = asyncio.get_running_loop()
        self._ignored = tuple(folder.rstrip(os.sep) + os.sep for folder in ignored)
        self._observer: BaseObserver | None = None
        self._watches: dict[tuple[str, bool], ObservedWatch] = {}
        self._places: dict[tuple[str, bool], tuple[int, int]] = {}
        self._grown = False
        self._used = MountsInUse()
        self._changes: list[FileEvent] = []
        self._lock = threading.Lock()

    def watch(self, used: MountsInUse) -> bool:
        """Watch these from now on. Walks new folders, which takes seconds for large ones: call it in a thread.

        :return: whether all of them exist and are watched; call it again later when not.
        """
        wanted = {(tree, True) for tree in used.trees} | {(str(Path(file).parent), False) for file in used.files}
        self._used = used
        for key in set(self._watches) - wanted:
            self._drop(key)
        for key in [key for key in self._watches if not self._lives(key)]:
            self._drop(key)  # its folder was deleted or moved, and another may have taken its place
        if self.unwatched and not self._full():
            for key in [key for key in self._watches if key[0] in self.unwatched]:
                self._drop(key)  # the system may have room for all of it now
        failed: dict[str, str] = {}
        for key in wanted - set(self._watches):
            failed |= self._add(*key)
        if self._watches and (full := self._full()):  # watchdog does not say which folders it left out
            failed |= {folder: full for folder, whole in self._watches if whole}
        for folder in set(failed) - set(self.unwatched):
            log.warning("not all changes in %s are forwarded: %s", folder, failed[folder])
        self.unwatched = failed
        return not failed and wanted <= set(self._watches)

    def exact(self) -> frozenset[str]:
        """The trees of which every change is reported. Reads the disk: call it in a thread."""
        living = {key for key in self._watches if self._lives(key)}
        self.outdated = len(living) < len(self._watches)
        if self._grown:  # new folders may not have had room
            self._grown = False
            if full := self._full():
                self.unwatched |= {folder: full for folder, whole in self._watches if whole}
                self.outdated = True
        if not EXACT or not living:
            return frozenset()
        mounts = {part.mountpoint: part.fstype for part in psutil.disk_partitions(all=True)}
        return frozenset(
            folder
            for folder, whole in living
            if whole
            and folder not in self.unwatched
            and not any((path + os.sep).startswith(folder.rstrip(os.sep) + os.sep) for path in self._ignored)
            and is_local(folder, mounts)
        )

    def take(self) -> list[FileEvent]:
        """The changes since the last call."""
        with self._lock:
            taken, self._changes = self._changes, []
            self.news.clear()
        return taken

    def close(self) -> None:
        """Stop watching."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()
            self._observer = None
        self._watches.clear()

    # -- watchdog -------------------------------------------------------------------------------------------------

    def dispatch(self, event: FileSystemEvent) -> None:
        """Called by watchdog's thread."""
        kind = KINDS.get(type(event))
        if kind is None or (event.is_synthetic and kind is Kind.MOVE):  # the move of the folder implies it
            return
        path, target = os.fsdecode(event.src_path), os.fsdecode(event.dest_path or "")
        if path.startswith(self._ignored) or not (
            self._used.covers(path) or (target and self._used.covers(target))
        ):
            return
        self._grown |= event.is_directory
        change = FileEvent(kind, path, target if kind is Kind.MOVE else "", event.is_directory)
        with self._lock:
            if len(self._changes) == LIMIT:
                log.warning("more than %d changes at once: the rest is not forwarded to containers", LIMIT)
            if len(self._changes) <= LIMIT:
                self._changes.append(change)
            first = len(self._changes) == 1
        if first:
            _in_loop(self._loop, self.news.set)

    def _add(self, folder: str, whole: bool) -> dict[str, str]:
        """:return: empty, or the entry for :attr:`unwatched`."""
        if self._observer is None:
            self._observer = _make_observer()
            self._observer.start()
        if not Path(folder).is_dir():
            return {}
        try:
            self._places[folder, whole] = _place(folder)
            watch = self._observer.schedule(self, folder, recursive=whole, event_filter=list(KINDS))
        except OSError as error:  # gone in the meantime, not readable, or no more watches
            return {folder: _describe(error)}
        self._watches[folder, whole] = watch
        return {}

    def _full(self) -> str:
        """Why the system cannot watch one more folder; empty when it can."""
        if self._observer is None:
            return ""
        try:
            folder = tempfile.mkdtemp(prefix="slipway-")
        except OSError as error:  # a full disk: it is not known, and says nothing about watches
            log.warning("whether more folders can be watched is not known: %s", error)
            return ""
        try:
            self._observer.unschedule(self._observer.schedule(FileSystemEventHandler(), folder))
        except OSError as error:
            return _describe(error)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return ""

    def _drop(self, key: tuple[str, bool]) -> None:
        watch = self._watches.pop(key)
        del self._places[key]
        if self._observer is not None:
            self._observer.unschedule(watch)

    def _lives(self, key: tuple[str, bool]) -> bool:
        """Whether it is watched, and the same folder still is in that place."""
        emitters = self._observer.emitters if self._observer is not None else set()
        if not any(emitter.watch == self._watches[key] and emitter.is_alive() for emitter in emitters):
            return False
        try:
            return _place(key[0]) == self._places[key]
        except OSError:
            return False


def is_local(folder: str, mounts: Mapping[str, str]) -> bool:
    """Whether ``folder``, with all that is mounted in it, lies on :data:`LOCAL` file systems.

    :param mounts: the host's mount points and their file systems.
    """
    place = to_guest(folder)
    under = max((mount for mount in mounts if is_within(place, to_guest(mount))), key=len, default="")
    inside = [mount for mount in mounts if is_within(to_guest(mount), place)]
    return all(mounts.get(mount, "").lower() in LOCAL for mount in (under, *inside))


def _make_observer() -> BaseObserver:
    """Ours where we have one, which can be imported on its own system only."""
    module, name = OURS.get(OBSERVER, ("", ""))
    if not module:
        return Observer()
    made: BaseObserver = getattr(import_module(module), name)()
    return made


def _place(folder: str) -> tuple[int, int]:
    found = Path(folder).stat()
    return found.st_dev, found.st_ino


def _describe(error: OSError) -> str:
    limit = LIMITS.get(error.errno or 0)
    return f"{error.strerror}; raise it with: sudo sysctl {limit}" if limit else str(error)


def _in_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:  # the loop has been closed
        log.debug("a change came after the end")
