"""A dot in the colour of a state."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from desktop.ui.theme import theme


class StateDot(QWidget):
    """One dot. :ivar state: of :data:`desktop.ui.theme.STATE_COLOURS`."""

    SIDE = 8

    def __init__(self, state: str = "") -> None:
        super().__init__()
        self.state = state
        self.setFixedSize(self.SIDE, self.SIDE)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().state_colour(self.state))
        painter.drawEllipse(self.rect())
