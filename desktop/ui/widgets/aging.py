"""What becomes untrue by time alone, such as “Up 2 seconds”: looked at again while somebody can see it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QWidget

PERIOD_MS = 30_000


class Aging(QObject):
    """Calls ``look`` when ``widget`` is shown and every 30 seconds while it is."""

    def __init__(self, widget: QWidget, look: Callable[[], None]) -> None:
        super().__init__(widget)
        self._look = look
        self.timer = QTimer(self, interval=PERIOD_MS)
        self.timer.timeout.connect(look)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Qt's."""
        if event.type() == QEvent.Type.Show:
            self._look()
            self.timer.start()
        elif event.type() == QEvent.Type.Hide:
            self.timer.stop()
        return super().eventFilter(watched, event)
