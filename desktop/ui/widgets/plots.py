"""Plots of values over time, with pyqtgraph. Imported only where a plot is shown, since it loads numpy."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable

import pyqtgraph
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QVBoxLayout

from desktop.ui.theme import GAP, PAD, theme
from desktop.ui.widgets.basics import label, row

KEPT = 600
"""Samples; at one a second, ten minutes."""

HEIGHT = 130
LINES = ("accent", "warn")


class Plot(QFrame):
    """One card: a title, the latest value, and lines over the last minutes.

    :param names: of the lines, one or two.    :param text: formats a value.
    :param floor: the least height of the value axis.
    """

    def __init__(self, title: str, names: tuple[str, ...], text: Callable[[float], str], floor: float) -> None:
        super().__init__()
        self.setObjectName("card")
        self._title, self._names, self._text, self._floor = title, names, text, floor
        self._samples: deque[tuple[float, tuple[float, ...]]] = deque(maxlen=KEPT)
        self.now = label("–", "muted")
        self._graph = pyqtgraph.PlotWidget(enableMenu=False)
        self._graph.setFixedHeight(HEIGHT)
        self._graph.setMouseEnabled(False, False)
        self._graph.hideButtons()
        for part in (self._graph, self._graph.viewport()):
            part.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._graph.showGrid(y=True, alpha=0.15)
        axis = self._graph.getAxis("left")
        axis.tickStrings = lambda values, scale, spacing: [text(value) for value in values]
        axis.setWidth(72)
        self._graph.getAxis("bottom").setStyle(showValues=False)
        self._curves = [self._graph.plot([], []) for _ in names]
        outer = QVBoxLayout(self)
        outer.setContentsMargins(PAD, PAD, PAD, GAP)
        outer.addLayout(row(label(title, "section"), None, self.now))
        outer.addWidget(self._graph)
        self.setAccessibleName(title)
        theme().changed.connect(self._dress)
        self._dress()

    def add(self, *values: float, at: float | None = None) -> None:
        """Add a sample."""
        self._samples.append((time.time() if at is None else at, values))
        last = self._samples[-1][0]
        times = [moment - last for moment, _ in self._samples]
        highest = self._floor
        for number, curve in enumerate(self._curves):
            series = [sample[number] for _, sample in self._samples]
            highest = max(highest, *series)
            curve.setData(times, series)
        self._graph.setXRange(min(-60.0, times[0]), 0, padding=0)
        self._graph.setYRange(0, highest * 1.1, padding=0)
        shown = [self._text(value) for value in values]
        named = (
            shown if len(shown) == 1 else [f"{name} {text}" for name, text in zip(self._names, shown, strict=True)]
        )
        self.now.setText("   ".join(named))
        self.setAccessibleDescription(f"{self._title}: {', '.join(named)}")

    def _dress(self) -> None:
        self._graph.setBackground(theme().colour("surface"))
        for name in ("left", "bottom"):
            self._graph.getAxis(name).setPen(theme().colour("line"))
            self._graph.getAxis(name).setTextPen(theme().colour("muted"))
        for curve, token in zip(self._curves, LINES, strict=False):
            curve.setPen(pyqtgraph.mkPen(theme().colour(token), width=1.6))
