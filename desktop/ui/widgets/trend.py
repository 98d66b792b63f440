"""A line over time without axes, for cells and cards: drawn here, because pyqtgraph would load numpy."""

from __future__ import annotations

import math
from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QPainter, QPen

from desktop.ui.theme import theme

LEAST_POINTS = 30
"""Fewer values take only the right part of the space: the line grows from there."""


def draw_trend(painter: QPainter, area: QRect, values: Sequence[float], top: float) -> None:
    """Draw values, the latest at the right, over a ground line; where one is NaN the line is interrupted.

    :param top: the value at the upper edge.
    """
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(theme().colour("line"))
    painter.drawLine(area.bottomLeft(), area.bottomRight())
    step = area.width() / max(len(values) - 1, LEAST_POINTS - 1)
    tint = theme().colour("accent")
    fill = theme().colour("accent")
    fill.setAlpha(36)
    for part in _parts(values):
        points = [
            QPointF(
                area.right() - step * (len(values) - 1 - number),
                area.bottom() - area.height() * min(1.0, value / top),
            )
            for number, value in part
        ]
        painter.setPen(QPen(tint, 1.5))
        painter.drawPolyline(points)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(fill)
        feet = [QPointF(points[-1].x(), area.bottom()), QPointF(points[0].x(), area.bottom())]
        painter.drawPolygon([*points, *feet])
    painter.restore()


def _parts(values: Sequence[float]) -> list[list[tuple[int, float]]]:
    """Runs of at least two known values, each with its place."""
    parts: list[list[tuple[int, float]]] = [[]]
    for number, value in enumerate(values):
        if math.isnan(value):
            parts.append([])
        else:
            parts[-1].append((number, value))
    return [part for part in parts if len(part) > 1]
