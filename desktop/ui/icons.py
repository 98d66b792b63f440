"""The pictures of assets/icons, drawn in the theme's colours at any resolution."""

from __future__ import annotations

import functools
from pathlib import Path

from PySide6.QtCore import QByteArray, QPoint, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QIcon, QIconEngine, QPainter, QPixmap
from PySide6.QtSvg import QSvgRenderer

from desktop.ui.theme import ASSETS, theme


@functools.cache
def _source(name: str) -> bytes:
    return Path(ASSETS / "icons" / f"{name}.svg").read_bytes()


class LineEngine(QIconEngine):
    """Draws a line picture in a colour of the current theme."""

    def __init__(self, name: str, token: str) -> None:
        super().__init__()
        self._name = name
        self._token = token

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        token = "faint" if mode is QIcon.Mode.Disabled else self._token
        if state is QIcon.State.On and token == "muted":
            token = "accent"
        colour = theme().colour(token).name().encode()
        QSvgRenderer(QByteArray(_source(self._name).replace(b"#000", colour))).render(painter, QRectF(rect))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, QRect(QPoint(0, 0), size), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return LineEngine(self._name, self._token)


def icon(name: str, token: str = "text") -> QIcon:
    """A line picture in the colour ``token``."""
    return QIcon(LineEngine(name, token))


def app_icon() -> QIcon:
    """Slipway's own icon, in colour."""
    return QIcon(str(ASSETS / "icons" / "slipway.svg"))
