"""Plots of values over ten minutes, with pyqtgraph. Imported only where a plot is shown, since it loads numpy."""

from __future__ import annotations

import math
import time
from bisect import bisect_left
from collections.abc import Callable, Sequence
from typing import Any

import pyqtgraph
from PySide6.QtCore import QEvent, QObject, QSize, Qt
from PySide6.QtGui import QFocusEvent, QKeyEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from desktop.ui.models.stats import KEPT_SECONDS
from desktop.ui.models.ticks import decimal_ticks
from desktop.ui.theme import GAP, PAD, theme
from desktop.ui.widgets.basics import label, row

HEIGHT = 150
LINES = (("accent", Qt.PenStyle.SolidLine), ("warn", Qt.PenStyle.DashLine))
"""Colour and style of each line: who sees no colours tells them apart by the style."""

AXIS_WIDTH, EDGE = 76, 20
TICK_SECONDS = 120
NEAR = 2.5
"""A limit is in the plot if it is at most this many times as high as the highest value."""

ROOM = 1.1
BACK = (Qt.Key.Key_Left, Qt.Key.Key_Right, Qt.Key.Key_Home, Qt.Key.Key_End)


Ticks = Callable[[float], list[float]]


class Swatch(QWidget):
    """A piece of a line, for the legend."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number
        self.setFixedSize(QSize(18, 12))

    def paintEvent(self, event: QPaintEvent) -> None:
        token, style = LINES[self._number]
        painter = QPainter(self)
        painter.setPen(QPen(theme().colour(token), 2, style))
        painter.drawLine(0, self.height() // 2, self.width(), self.height() // 2)


class ValueAxis(pyqtgraph.AxisItem):  # type: ignore[misc]  # pyqtgraph has no types
    """The axis of values, with ticks that are round in their unit."""

    def __init__(self, text: Callable[[float], str], ticks: Ticks) -> None:
        super().__init__("left")
        self._text, self._ticks = text, ticks
        self.setWidth(AXIS_WIDTH)

    def tickValues(self, least: float, most: float, size: float) -> list[tuple[float, list[float]]]:
        ticks = self._ticks(most)
        return [(ticks[1] - ticks[0] if len(ticks) > 1 else most, ticks)]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return [self._text(value).replace(".0 ", " ") for value in values]


class TimeAxis(pyqtgraph.AxisItem):  # type: ignore[misc]  # pyqtgraph has no types
    """The axis of time, in minutes before now."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self.setStyle(hideOverlappingLabels=False)  # those at the two ends would be left out

    def tickValues(self, least: float, most: float, size: float) -> list[tuple[float, list[float]]]:
        return [(TICK_SECONDS, [float(-at) for at in range(0, int(KEPT_SECONDS) + 1, TICK_SECONDS)])]

    def tickStrings(self, values: Sequence[float], scale: float, spacing: float) -> list[str]:
        return ["now" if value == 0 else f"−{-value / 60:.0f} min" for value in values]


class Plot(QFrame):
    """One card: a title, a legend with the latest values, and lines over ten minutes.

    The pointer, or Left and Right, show the values of a moment in the place of the latest ones.

    :param names: of the lines, one or two.    :param text: formats a value.
    :param floor: the least height of the value axis.    :param ticks: the values at its ticks, for its height.
    """

    def __init__(
        self,
        title: str,
        names: tuple[str, ...],
        text: Callable[[float], str],
        floor: float,
        ticks: Ticks = decimal_ticks,
    ) -> None:
        super().__init__()
        self.setObjectName("card")
        self._title, self._names, self._text, self._floor = title, names, text, floor
        self._moments: Sequence[float] = ()
        self._series: Sequence[Sequence[float]] = ()
        self._now = 0.0
        self._place: int | None = None
        self._limit: tuple[float, str] | None = None
        self.moment = label("", "muted")
        self.values = [label("–", "muted") for _ in names]
        self.limit = label("", "small")
        axes = {"left": ValueAxis(text, ticks), "bottom": TimeAxis()}
        self._graph = pyqtgraph.PlotWidget(enableMenu=False, axisItems=axes)
        self._graph.setFixedHeight(HEIGHT)
        self._graph.setMouseEnabled(False, False)
        self._graph.setMinimumWidth(AXIS_WIDTH)
        self._graph.hideButtons()
        self._graph.getPlotItem().layout.setContentsMargins(0, GAP, EDGE, 0)
        for part in (self._graph, self._graph.viewport()):
            part.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._graph.viewport().installEventFilter(self)
        self._graph.showGrid(y=True, alpha=0.15)
        self._graph.setXRange(-KEPT_SECONDS, 0, padding=0.01)
        self._curves = [self._graph.plot([], [], connect="finite") for _ in names]
        self._cursor = pyqtgraph.InfiniteLine(angle=90)
        self._ceiling = pyqtgraph.InfiniteLine(angle=0)
        for line in (self._cursor, self._ceiling):
            line.hide()
            self._graph.addItem(line, ignoreBounds=True)
        self._graph.scene().sigMouseMoved.connect(self._pointed)
        legend = [part for number in range(len(names)) for part in (self._swatch(number), self.values[number])]
        outer = QVBoxLayout(self)
        outer.setContentsMargins(PAD, PAD, PAD, GAP)
        outer.addLayout(row(label(title, "section"), self.limit, None, self.moment, *legend))
        outer.addWidget(self._graph)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(title)
        theme().changed.connect(self._dress)
        self._dress()

    def _swatch(self, number: int) -> QWidget:
        made = Swatch(number)
        made.setVisible(len(self._names) > 1)
        return made

    def set_limit(self, value: float, words: str) -> None:
        """Show a limit: as a line where it is near the values, and in words. :param value: 0: there is none."""
        self._limit = (value, words) if value > 0 else None
        self.limit.setText(words if value > 0 else "")
        self._draw()

    def show_series(self, moments: Sequence[float], series: Sequence[Sequence[float]], now: float) -> None:
        """Show values. :param series: for each line one value for each moment; NaN interrupts the line."""
        held = self._moments[self._place] if self._place is not None else None
        self._moments, self._series, self._now = moments, series, now
        if held is not None:  # the same moment, which has moved to the left
            place = bisect_left(moments, held)
            self._place = place if place < len(moments) else None
        self._draw()

    def _draw(self) -> None:
        times = [moment - self._now for moment in self._moments]
        highest = max([self._floor, *(value for line in self._series for value in line if math.isfinite(value))])
        for curve, values in zip(self._curves, self._series, strict=False):
            curve.setData(times, list(values))
        near = self._limit is not None and self._limit[0] <= NEAR * highest
        if self._limit is not None and near:
            self._ceiling.setValue(self._limit[0])
            highest = max(highest, self._limit[0])
        self._ceiling.setVisible(near)
        self._graph.setYRange(0, highest * ROOM, padding=0)
        self._tell()

    def _tell(self) -> None:
        """The values of the chosen moment, or the latest, as text and for screen readers."""
        place = self._place if self._place is not None else len(self._moments) - 1
        chosen = self._place is not None and 0 <= place < len(self._moments)
        values = [line[place] for line in self._series] if 0 <= place < len(self._moments) else []
        shown = [self._text(value) if math.isfinite(value) else "–" for value in values]
        shown = shown or ["–"] * len(self._names)
        named = shown if len(shown) == 1 else [f"{n} {text}" for n, text in zip(self._names, shown, strict=True)]
        for part, text in zip(self.values, named, strict=True):
            part.setText(text)
        clock = time.strftime("%H:%M:%S", time.localtime(self._moments[place])) if chosen else ""
        self.moment.setText(clock)
        self._cursor.setVisible(chosen)
        if chosen:
            self._cursor.setValue(self._moments[place] - self._now)
        known = [value for line in self._series for value in line if math.isfinite(value)]
        parts = [f"{self._title}{f' at {clock}' if clock else ''}: {', '.join(named)}"]
        parts += [f"highest in 10 minutes {self._text(max(known))}"] if known else []
        parts += [self._limit[1]] if self._limit is not None else []
        self.setAccessibleDescription("; ".join(parts))

    # -- a moment -------------------------------------------------------------------------------------------------

    def choose(self, place: int | None) -> None:
        """Show the values of the sample at a place; None: the latest."""
        self._place = None if place is None or not self._moments else max(0, min(place, len(self._moments) - 1))
        self._tell()

    def _pointed(self, at: Any) -> None:
        moment = self._graph.getPlotItem().vb.mapSceneToView(at).x() + self._now
        place = bisect_left(self._moments, moment)
        if 0 < place < len(self._moments) and moment - self._moments[place - 1] < self._moments[place] - moment:
            place -= 1
        self.choose(place)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Leave:
            self.choose(None)
        return False

    def keyPressEvent(self, event: QKeyEvent) -> None:
        last = len(self._moments) - 1
        if event.key() not in BACK or last < 0:
            super().keyPressEvent(event)
            return
        now = self._place if self._place is not None else last
        step = {Qt.Key.Key_Left: now - 1, Qt.Key.Key_Right: now + 1, Qt.Key.Key_Home: 0, Qt.Key.Key_End: last}
        self.choose(step[Qt.Key(event.key())])

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.choose(None)

    # -- appearance -----------------------------------------------------------------------------------------------

    def _dress(self) -> None:
        self._graph.setBackground(theme().colour("surface"))
        for name in ("left", "bottom"):
            self._graph.getAxis(name).setPen(theme().colour("line"))
            self._graph.getAxis(name).setTextPen(theme().colour("muted"))
        for curve, (token, style) in zip(self._curves, LINES, strict=False):
            curve.setPen(pyqtgraph.mkPen(theme().colour(token), width=1.6, style=style))
        if len(self._curves) == 1:
            tint = theme().colour("accent")
            tint.setAlpha(36)
            self._curves[0].setFillLevel(0)
            self._curves[0].setBrush(tint)
        self._cursor.setPen(pyqtgraph.mkPen(theme().colour("muted"), width=1))
        self._ceiling.setPen(pyqtgraph.mkPen(theme().colour("bad"), width=1, style=Qt.PenStyle.DashLine))
