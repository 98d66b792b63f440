"""What a container, or those of a project, have used in the last ten minutes: CPU, memory, network and disk."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QHideEvent, QResizeEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QScrollArea, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.models.containers import cpu_text
from desktop.ui.models.format import binary_size, size
from desktop.ui.models.stats import CPU_FLOOR, MEMORY_FLOOR, History, total
from desktop.ui.models.ticks import binary_ticks
from desktop.ui.theme import PAD
from desktop.ui.widgets.basics import label

IDLE = "Not running. What it used before stays here for ten minutes."
REDRAW_MS = 2000
"""Between two drawings while nothing new comes: the past moves to the left."""

RATE_FLOOR = 1000.0
TWO_COLUMNS = 860
"""From this width on, plots are in two columns."""


def rate_text(value: float) -> str:
    """Bytes a second."""
    return f"{size(value)}/s"


class StatsPanel(QScrollArea):
    """Four plots, of one container or of the sum of several.

    :param keys: the IDs of the containers, those that have ended too.
    """

    def __init__(self, context: Context, keys: Callable[[], Sequence[str]]) -> None:
        super().__init__()
        from desktop.ui.widgets.plots import Plot  # this imports numpy, which is slow

        self._context, self._keys = context, keys
        self._lists = context.lists
        self._limits = dict[str, tuple[float, float]]()
        self.setObjectName("page")
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.plots = (
            Plot("CPU", ("CPU",), cpu_text, CPU_FLOOR),
            Plot("Memory", ("memory",), binary_size, MEMORY_FLOOR, binary_ticks),
            Plot("Network", ("received", "sent"), rate_text, RATE_FLOOR),
            Plot("Disk", ("read", "written"), rate_text, RATE_FLOOR),
        )
        self.note = label("", "muted")
        inner = QWidget()
        inner.setObjectName("page")
        self._grid = QGridLayout()
        self._grid.setSpacing(PAD)
        self._columns = 0
        self._put(2)
        outer = QVBoxLayout(inner)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addLayout(self._grid)
        outer.addWidget(self.note)
        outer.addStretch(1)
        self.setWidget(inner)
        self.setFocusProxy(self.plots[0])
        redraw = QTimer(self, interval=REDRAW_MS)
        redraw.timeout.connect(self._draw)
        redraw.start()
        self._lists.stats.changed.connect(self._draw)
        self._lists.containers.changed.connect(self._look)
        self._ask_limits()
        self._look()

    def _put(self, columns: int) -> None:
        if columns == self._columns:
            return
        self._columns = columns
        for number, plot in enumerate(self.plots):
            self._grid.addWidget(plot, number // columns, number % columns)
        for number in (0, 1):
            self._grid.setColumnStretch(number, int(number < columns))

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._put(2 if self.viewport().width() >= TWO_COLUMNS else 1)

    def _ask_limits(self) -> None:
        """Ask what the containers may use at most; one that was not limited is not asked about again."""
        for key in self._keys():
            if key not in self._limits:
                self._limits[key] = 0.0, 0.0
                call = self._context.engine.containers.inspect(key)
                self._context.session.bridge.call(call, self._take_limits, lambda _: None, owner=self)

    def _take_limits(self, values: dict[str, Any]) -> None:
        self._limits[str(values.get("Id"))] = limits_of(values.get("HostConfig") or {})
        self._draw()

    def _look(self) -> None:
        """Say which containers are on the screen."""
        keys = self._keys()
        self._lists.stats.show(self, keys if self.isVisible() else ())
        self._ask_limits()
        running = {item.id for item in self._lists.containers.items if item.state == "running"}
        self.note.setText("" if running.intersection(keys) or not self._lists.containers.known else IDLE)
        self._draw()

    def _draw(self) -> None:
        if not self.isVisible():
            return
        known, keys, now = self._lists.stats.histories, self._keys(), time.time()
        histories = [known[key] for key in keys if key in known]
        names = (("cpu",), ("memory",), ("received", "sent"), ("read", "written"))
        for plot, series in zip(self.plots, names, strict=True):
            if len(keys) == 1:
                one = histories[0] if histories else History()
                plot.show_series(one.times, [one.series(name) for name in series], now)
            else:
                sums = [total(histories, name, now) for name in series]
                plot.show_series(sums[0][0], [values for _, values in sums], now)
        cpus, memory = ([self._limits.get(key, (0.0, 0.0))[part] for key in keys] for part in (0, 1))
        cpu, most = (sum(found) if found and all(found) else 0.0 for found in (cpus, memory))
        self.plots[0].set_limit(cpu, f"limit {cpu:.0f} %")
        self.plots[1].set_limit(most, f"limit {binary_size(most)}")

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._look()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._lists.stats.show(self, ())


def limits_of(host: dict[str, Any]) -> tuple[float, float]:
    """Percent of one processor and bytes of memory that a container may use, from its HostConfig; 0: no limit."""
    cpus = float(host.get("NanoCpus") or 0) / 1e9
    if not cpus and (host.get("CpuQuota") or 0) > 0:
        cpus = host["CpuQuota"] / (host.get("CpuPeriod") or 100_000)
    return 100 * cpus, float(host.get("Memory") or 0)
