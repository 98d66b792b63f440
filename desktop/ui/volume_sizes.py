"""How large the volumes of one engine are. It reads all of their folders to say so: only while somebody looks."""

from __future__ import annotations

import time
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.ui.bridge import Work
from desktop.ui.engine_view import EngineView
from desktop.ui.models.disk import volume_size

PAUSE_SECONDS, PAUSE_FACTOR = 1.0, 5.0
"""Between two questions: at least so long, and so many times as long as the last answer took."""


class VolumeSizes(QObject):
    """Volumes' names → bytes. :ivar known: those of the latest answer."""

    changed = Signal()

    def __init__(self, view: EngineView, parent: QObject) -> None:
        super().__init__(parent)
        self.known: dict[str, int] = {}
        self._view = view
        self._work: Work | None = None
        self._began = 0.0
        self._due = QTimer(self, singleShot=True)
        self._due.timeout.connect(self._ask)
        self._earliest = 0.0
        view.gone.connect(self._forget)

    def refresh(self) -> None:
        """Ask soon; questions in short succession are one."""
        if not self._due.isActive():
            self._due.start(round(max(0.0, self._earliest - time.monotonic()) * 1000))

    def _ask(self) -> None:
        if self._work is not None:
            self._earliest = time.monotonic() + PAUSE_SECONDS
            self.refresh()
            return
        self._began = time.monotonic()
        self._work = self._view.bridge.call(
            self._view.engine.df("volume"), self._take, lambda _: self._end(), owner=self
        )

    def _take(self, df: dict[str, Any]) -> None:
        self.known = {
            str(item["Name"]): found
            for item in df.get("Volumes") or ()
            if (found := volume_size(item)) is not None
        }
        self._end()
        self.changed.emit()

    def _end(self) -> None:
        now = time.monotonic()
        self._work, self._earliest = None, now + max(PAUSE_SECONDS, PAUSE_FACTOR * (now - self._began))

    def _forget(self) -> None:
        if self._work is not None:
            self._work.cancel()
            self._work = None
        self._due.stop()
        self.known = {}
        self.changed.emit()
