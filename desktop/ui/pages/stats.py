"""A container's use of CPU, memory, network and disk over time."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QGridLayout, QWidget

from desktop.ui.bridge import Work
from desktop.ui.context import Context
from desktop.ui.models.format import binary_size, size
from desktop.ui.stats import usage_of
from desktop.ui.theme import PAD
from desktop.ui.widgets.basics import label
from vm.errors import UserError

IDLE = "The container is not running."


class StatsPanel(QWidget):
    """Four plots of one stream, which ends when the container stops and begins again when it starts."""

    def __init__(self, context: Context, key: str) -> None:
        super().__init__()
        from desktop.ui.widgets.plots import Plot  # this imports numpy, which is slow

        self._context, self._key = context, key
        self.plots = (
            Plot("CPU", ("CPU",), lambda value: f"{value:.1f} %", 5),
            Plot("Memory", ("memory",), binary_size, 2**20),
            Plot("Network", ("received", "sent"), lambda value: f"{size(value)}/s", 1000),
            Plot("Disk", ("read", "written"), lambda value: f"{size(value)}/s", 1000),
        )
        self.note = label("", "muted")
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(PAD)
        for number, plot in enumerate(self.plots):
            grid.addWidget(plot, number // 2, number % 2)
        grid.addWidget(self.note, 2, 0, 1, 2)
        grid.setRowStretch(3, 1)
        self._before: tuple[float, ...] | None = None
        self._work: Work | None = None
        context.view.ready.connect(self._begin)
        context.view.events_received.connect(self._on_events)
        self._begin()

    def _begin(self) -> None:
        if self._work is not None:
            self._work.cancel()
        self._before = None
        self.note.setText("")
        self._work = self._context.session.bridge.follow(
            lambda: self._context.engine.containers.stats(self._key),
            self._take,
            lambda: self.note.setText(IDLE),
            self._failed,
            owner=self,
        )

    def _failed(self, error: UserError) -> None:
        self.note.setText(error.message)

    def _take(self, samples: list[dict[str, Any]]) -> None:
        for values in samples:
            usage = usage_of(values)
            if self._before is not None:  # the first sample has no predecessor to compare with
                self.plots[0].add(usage.cpu)
            self.plots[1].add(usage.memory)
            counters = _counters(values)
            if self._before is not None:
                rates = [max(0.0, now - then) for now, then in zip(counters, self._before, strict=True)]
                self.plots[2].add(*rates[:2])
                self.plots[3].add(*rates[2:])
            self._before = counters

    def _on_events(self, events: list[Any]) -> None:
        mine = [event.action for event in events if event.actor == self._key]
        if "start" in mine:
            self._begin()
        elif "die" in mine:
            self.note.setText(IDLE)


def _counters(values: dict[str, Any]) -> tuple[float, ...]:
    """Bytes received, sent, read and written since the container started."""
    networks = (values.get("networks") or {}).values()
    disk = (values.get("blkio_stats") or {}).get("io_service_bytes_recursive") or ()
    return (
        float(sum(item.get("rx_bytes", 0) for item in networks)),
        float(sum(item.get("tx_bytes", 0) for item in networks)),
        float(sum(item["value"] for item in disk if item["op"].lower() == "read")),
        float(sum(item["value"] for item in disk if item["op"].lower() == "write")),
    )
