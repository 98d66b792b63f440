"""Actions on the row under the mouse, drawn at the right of its first column: a list of thousands has no buttons.

By keyboard the same actions are in the row's menu.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from PySide6.QtCore import QPoint, QRect, QRectF, Qt
from PySide6.QtGui import QPainter

from desktop.ui.icons import icon
from desktop.ui.theme import SPACE, theme
from desktop.ui.widgets.basics import ICON

SIDE = 26
BESIDE = 2
"""Pixels between two actions."""


@dataclass(frozen=True)
class RowAction:
    """What is offered. :ivar text: its tooltip."""

    name: str
    text: str
    picture: str


class RowActions:
    """Where the actions of a row are, and how they look.

    :ivar hot: the name of the one under the mouse.
    """

    def __init__(self, offered: Callable[[Any], Sequence[RowAction]]) -> None:
        """:param offered: the actions of a record."""
        self._offered = offered
        self.hot = ""

    def at(self, cell: QRect, record: Any, place: QPoint) -> tuple[RowAction, QRect] | None:
        """The action at a place. :param cell: the row's first column."""
        return next((found for found in self._places(cell, record) if found[1].contains(place)), None)

    def paint(self, painter: QPainter, cell: QRect, record: Any) -> int:
        """Draw them; the width that they take."""
        places = self._places(cell, record)
        if not places:
            return 0
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for action, place in places:
            if action.name == self.hot:
                painter.setPen(theme().colour("line_strong"))
                painter.setBrush(theme().colour("raised"))
                painter.drawRoundedRect(QRectF(place).adjusted(0.5, 0.5, -0.5, -0.5), 6, 6)
            side = ICON.width()
            drawn = QRect(0, 0, side, side)
            drawn.moveCenter(place.center())
            icon(action.picture, "text" if action.name == self.hot else "muted").paint(
                painter, drawn, Qt.AlignmentFlag.AlignCenter
            )
        painter.restore()
        return cell.right() - places[0][1].left() + BESIDE

    def _places(self, cell: QRect, record: Any) -> list[tuple[RowAction, QRect]]:
        actions = self._offered(record)
        left = cell.right() - SPACE - len(actions) * (SIDE + BESIDE)
        top = cell.center().y() - SIDE // 2 + 1
        return [
            (action, QRect(left + number * (SIDE + BESIDE), top, SIDE, SIDE))
            for number, action in enumerate(actions)
        ]
