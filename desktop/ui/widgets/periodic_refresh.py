"""Refreshes values that age, such as “Up 2 seconds”, while their widget is visible."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtWidgets import QWidget

PERIOD_MS = 30_000


class PeriodicRefresh(QObject):
    """Calls ``refresh`` when ``widget`` is shown and every 30 seconds while it is visible."""

    def __init__(self, widget: QWidget, refresh: Callable[[], None]) -> None:
        super().__init__(widget)
        self._refresh = refresh
        self.timer = QTimer(self, interval=PERIOD_MS)
        self.timer.timeout.connect(refresh)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Start and stop with the visibility of the widget."""
        if event.type() == QEvent.Type.Show:
            self._refresh()
            self.timer.start()
        elif event.type() == QEvent.Type.Hide:
            self.timer.stop()
        return super().eventFilter(watched, event)
