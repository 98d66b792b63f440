"""The machine's use of CPU and memory over time, and its acceleration."""

from __future__ import annotations

import itertools

from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from desktop.control.schema import UsageReport
from desktop.ui.context import Context
from desktop.ui.models.format import binary_size
from desktop.ui.theme import GAP
from desktop.ui.widgets.basics import card, fill, label, row
from desktop.ui.widgets.trend import draw_trend

MEASURING = "Measuring …"


class MachineCard(QWidget):
    """CPU, memory and acceleration of the machine."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self.cpu = label("–")
        self.memory = label("–")
        self.cpu_graph = Sparkline("CPU over time")
        self.memory_graph = Sparkline("Memory over time")
        self.acceleration = label("–")
        self.speed = label("", "muted", wrap=True, select=True)
        fill(
            QVBoxLayout(self),
            card(
                label("Virtual machine", "section"),
                row(label("CPU", "muted"), None, self.cpu),
                self.cpu_graph,
                row(label("Memory", "muted"), None, self.memory),
                self.memory_graph,
                None,
                row(label("Acceleration", "muted"), None, self.acceleration),
                self.speed,
                gap=GAP,
            ),
        )
        context.session.status_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Update from the status."""
        status = self._context.session.status
        samples = list(self._context.session.usage)
        running = status is not None and status.usage is not None
        machine = status.machine if status else None
        cpus = machine.cpus if machine else 1
        limit = machine.memory_mib * 2**20 if machine else 0
        found = loads(samples)
        self.cpu_graph.show_values(found, 100.0 * cpus)
        self.memory_graph.show_values([float(sample.memory) for sample in samples], float(limit))
        waiting = MEASURING if running else "–"
        self.cpu.setText(f"{found[-1]:.0f} % of {cpus} CPUs" if found and running else waiting)
        of = f" of {binary_size(limit)}" if limit else ""
        self.memory.setText(binary_size(samples[-1].memory) + of if samples and running else waiting)
        verdict = status.accelerator if status else None
        self.acceleration.setText("–" if verdict is None else "none" if verdict.emulated else verdict.name.upper())
        self.speed.setText(_sentences(verdict.why, verdict.fix) if verdict is not None else "")
        self.speed.setVisible(verdict is not None)


def _sentences(*texts: str) -> str:
    """The texts that are not empty, each with a full stop."""
    return " ".join(text if text.endswith(".") else f"{text}." for text in texts if text)


def loads(samples: list[UsageReport]) -> list[float]:
    """Percent of one processor between two samples."""
    return [
        100 * (now.cpu_seconds - then.cpu_seconds) / (now.at - then.at)
        for then, now in itertools.pairwise(samples)
        if now.at > then.at and now.cpu_seconds >= then.cpu_seconds
    ]


class Sparkline(QWidget):
    """A line without axes."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self._values: list[float] = []
        self._top = 1.0
        self.setFixedHeight(44)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_values(self, values: list[float], top: float) -> None:
        """Show ``values``; ``top`` is the highest possible value."""
        self._values, self._top = values[-200:], max(top, 1.0)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        draw_trend(QPainter(self), self.rect().adjusted(1, 2, -1, -2), self._values, self._top)
