"""Collects Python's cyclic garbage in Qt's thread only.

Python collects in the thread that happens to allocate. In the asyncio thread it may free a widget or a connection:
Qt then waits for the GIL while it holds a lock of its own, and Qt's thread may hold the GIL and wait for that
lock. Both threads hang.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

PERIOD_MS = 200


class Collector(QObject):
    """Replaces Python's automatic collection until it is closed."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._took_over = gc.isenabled()
        gc.disable()
        gc.freeze()  # the objects of now are mostly modules, which are never garbage
        self._timer = QTimer(self, interval=PERIOD_MS)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    def collect(self) -> None:
        """Collect the oldest generation that is due, as the automatic collection does."""
        counts, thresholds = gc.get_count(), gc.get_threshold()
        for generation in (2, 1, 0):
            if thresholds[generation] and counts[generation] > thresholds[generation]:
                gc.collect(generation)
                return

    def close(self) -> None:
        """Restore the automatic collection."""
        self._timer.stop()
        gc.unfreeze()
        if self._took_over:
            gc.enable()
