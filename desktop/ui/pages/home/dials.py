"""Three small dials: the machine's processors, memory and disk."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.models.format import binary_size
from desktop.ui.pages.home.machine import loads
from desktop.ui.theme import GAP, theme
from desktop.ui.widgets.basics import card, column, fill, label, link, row

SIDE, WIDTH = 76, 7
BEGIN, SPAN = 225, 270
"""Degrees: the arc begins at the lower left and goes clockwise."""

HIGH = 0.9
"""From here on a dial has the colour of a warning."""


class Dial(QWidget):
    """A part of a whole, as an arc; the words in it are for all eyes."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name, self._part, self._words = name, 0.0, "–"
        self.setFixedSize(SIDE, SIDE)
        self.setAccessibleName(f"{name}: not known")

    def show_part(self, part: float | None, words: str) -> None:
        """:param part: from 0 to 1; None: not known."""
        self._part, self._words = min(1.0, max(0.0, part or 0.0)), "–" if part is None else f"{part:.0%}"
        self.setAccessibleName(f"{self._name}: {words if part is not None else 'not known'}")
        self.setToolTip(words)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(WIDTH, WIDTH, -WIDTH, -WIDTH)
        for token, part in (("line", 1.0), ("warn" if self._part >= HIGH else "accent", self._part)):
            pen = QPen(theme().colour(token), WIDTH)
            pen.setCapStyle(Qt.PenCapStyle.RoundCap)
            painter.setPen(pen)
            if part > 0:
                painter.drawArc(area, BEGIN * 16, round(-SPAN * 16 * part))
        painter.setPen(theme().colour("text"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._words)


class DialsCard(QWidget):
    """The machine's load, each value beside its limit; leads to more about the machine."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session = context.session
        self._disk: int | None = None
        names = ("CPU", "Memory", "Disk")
        self.dials = {name: Dial(name) for name in names}
        self.words = {name: label("", "small") for name in names}
        self.about = link("About this machine", lambda: context.places.show_place("home", "about"))
        parts = row(None, gap=GAP)
        for name in names:
            for part in (self.words[name], made := label(name, "muted")):
                part.setAlignment(Qt.AlignmentFlag.AlignHCenter)
            parts.addLayout(column(row(None, self.dials[name], None), made, self.words[name], gap=2))
            parts.addStretch(1)
        fill(QVBoxLayout(self), card(row(label("Machine", "section"), None, self.about), parts, None))
        self._session.status_changed.connect(self.refresh)
        self.refresh()

    def show_disk(self, used: int | None) -> None:
        """:param used: bytes of images, containers, volumes and the build cache; None: not known."""
        self._disk = used
        self.refresh()

    def refresh(self) -> None:
        """Update from the status."""
        status = self._session.status
        machine = status.machine if status is not None else None
        usage = status.usage if status is not None else None
        samples = list(self._session.usage)
        if machine is None or usage is None:
            for name in self.dials:
                self._show(name, None, "")
            return
        found = loads(samples)
        self._show("CPU", found[-1] / 100 / machine.cpus if found else None, f"of {machine.cpus} CPUs")
        self._show(
            "Memory", usage.memory / (machine.memory_mib * 2**20), f"of {binary_size(machine.memory_mib * 2**20)}"
        )
        disk = machine.disk_gib * 2**30
        self._show(
            "Disk", self._disk / disk if self._disk is not None and disk else None, f"of {machine.disk_gib} GiB"
        )

    def _show(self, name: str, part: float | None, words: str) -> None:
        self.dials[name].show_part(part, f"{part:.0%} {words}" if part is not None else "")
        self.words[name].setText(words or "–")
