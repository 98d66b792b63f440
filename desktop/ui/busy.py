"""The operations under way on one engine's objects: rows say so at once, and until the lists show the outcome."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.ui.models.busy import CREATING, NEW, Doing
from engine.client.models import Container

TICK_MS = 1000


@dataclass
class _Operation:
    words: str
    since: float
    ended: bool = False


class Busy(QObject):
    """By the keys of the objects. A later operation on an object takes the place of an earlier one."""

    changed = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._operations: dict[str, _Operation] = {}
        self._new: dict[str, Container] = {}
        self._numbers = itertools.count(1)
        self._tick = QTimer(self, interval=TICK_MS)
        self._tick.timeout.connect(self.changed)

    def begin(self, keys: Iterable[str], words: str) -> None:
        """Something is being done to these."""
        self._operations |= {key: _Operation(words, time.monotonic()) for key in keys}
        self._tell()

    def create(self, name: str, image: str, words: str = CREATING) -> str:
        """A container is being created, and has a row before the engine knows it; a key for :meth:`end`."""
        key = f"{NEW}{next(self._numbers)}"
        self._new[key] = Container(
            key, (f"/{name or image}",), image, "", "", int(time.time()), "created", "", (), {}, (), ()
        )
        self.begin([key], words)
        return key

    def say(self, key: str, words: str) -> None:
        """What is being done to it now."""
        found = self._operations.get(key)
        if found is not None and found.words != words:
            found.words = words
            self.changed.emit()

    @property
    def new(self) -> list[Container]:
        """Those that are being created."""
        return list(self._new.values())

    def drop(self, key: str) -> None:
        """Nothing comes of it: its row goes at once."""
        self._operations.pop(key, None)
        self._new.pop(key, None)
        self._tell()

    def end(self, key: str, words: str) -> None:
        """It is done; its row says so until :meth:`settle`."""
        found = self._operations.get(key)
        if found is not None and found.words == words:
            found.ended = True

    def settle(self) -> None:
        """The list has been fetched since the last operation ended: it shows what has come of them."""
        self._operations = {key: one for key, one in self._operations.items() if not one.ended}
        self._new = {key: one for key, one in self._new.items() if key in self._operations}
        self._tell()

    def clear(self) -> None:
        """The engine is gone, and whatever was done to it."""
        self._operations.clear()
        self._new.clear()
        self._tell()

    def now(self) -> Mapping[str, Doing]:
        """What is under way."""
        now = time.monotonic()
        return {key: Doing(one.words, int(now - one.since)) for key, one in self._operations.items()}

    def _tell(self) -> None:
        if self._operations and not self._tick.isActive():
            self._tick.start()
        elif not self._operations:
            self._tick.stop()
        self.changed.emit()
