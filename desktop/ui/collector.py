"""Python's cyclic garbage, collected in Qt's thread only.

Python collects in whichever thread happens to allocate. If that is the asyncio thread, it may free a widget or a
connection there: Qt then waits for Python's lock while it holds one of its own, and Qt's thread may wait for that
one while it has Python's. Both stand still for ever.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

PERIOD_MS = 200


class Collector(QObject):
    """Takes collecting over from Python until it is closed."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._took_over = gc.isenabled()
        gc.disable()
        gc.freeze()  # what is there now, modules for the most part, need not be looked through again
        self._timer = QTimer(self, interval=PERIOD_MS)
        self._timer.timeout.connect(self.collect)
        self._timer.start()

    def collect(self) -> None:
        """Collect the oldest generation that is due, as Python would have done by itself."""
        counts, thresholds = gc.get_count(), gc.get_threshold()
        for generation in (2, 1, 0):
            if thresholds[generation] and counts[generation] > thresholds[generation]:
                gc.collect(generation)
                return

    def close(self) -> None:
        """Leave it to Python again."""
        self._timer.stop()
        gc.unfreeze()
        if self._took_over:
            gc.enable()
