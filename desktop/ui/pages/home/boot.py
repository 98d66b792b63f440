"""The last start as a waterfall, compared with the previous one."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop.control.schema import Boot
from desktop.ui.context import Context
from desktop.ui.theme import theme
from desktop.ui.widgets.basics import card, fill, label, row

SAME_SECONDS = 0.1
"""A smaller difference between two starts is not shown."""


class BootCard(QWidget):
    """The last start as a waterfall."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self.title = label("Last start", "section")
        self.total = label("", "muted")
        self.graph = Waterfall()
        self.empty = label("Shows the stages of the last start and the time of each.", "muted", wrap=True)
        head = row(self.title, None, self.total)
        fill(QVBoxLayout(self), card(head, self.empty, self.graph, None))
        context.session.own.ready.connect(self._ask)
        if context.session.running:
            self._ask()

    def _ask(self) -> None:
        self._context.session.control(lambda client: client.boots(), self._show, owner=self)

    def _show(self, boots: list[Boot]) -> None:
        if boots:
            before = boots[-2] if len(boots) > 1 else None
            self.total.setText(f"{boots[-1].total:.1f} s until ready{_compared(boots[-1], before)}")
            self.graph.show_boot(boots[-1], before)
        self.empty.setVisible(not boots)


class Waterfall(QWidget):
    """One bar for each stage, placed by its time."""

    LINE = 18

    def __init__(self) -> None:
        super().__init__()
        self._boot: Boot | None = None
        self._before: Boot | None = None

    def show_boot(self, boot: Boot, before: Boot | None = None) -> None:
        """Show this start, and the previous one below it in grey."""
        self._boot, self._before = boot, before
        self.setMinimumHeight(self.LINE * len(boot.stages))
        stages = ", ".join(f"{stage.name} {stage.took:.1f} s" for stage in boot.stages)
        self.setAccessibleName(f"The last start took {boot.total:.1f} s: {stages}")
        self.setToolTip("Blue: the last start. Grey: the previous one." if before else "")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._boot is None:
            return
        painter = QPainter(self)
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        names, times = 84, 48
        width = self.width() - names - times
        longest = max(self._boot.total, self._before.total if self._before else 0.0, 0.001)
        past = {stage.name: stage for stage in self._before.stages} if self._before else {}
        middle = Qt.AlignmentFlag.AlignVCenter
        right = middle | Qt.AlignmentFlag.AlignRight
        for number, stage in enumerate(self._boot.stages):
            top = number * self.LINE
            painter.setPen(theme().colour("muted"))
            painter.drawText(0, top, names, self.LINE, middle, stage.name)
            took = f"{stage.took:.1f} s"
            painter.drawText(self.width() - times, top, times, self.LINE, right, took)
            for shown, offset, height, token in (
                (past.get(stage.name), 11, 3, "line_strong"),
                (stage, 4 if past else 6, 6, "accent"),
            ):
                if shown is not None:
                    left = names + width * (shown.seconds - shown.took) / longest
                    bar = max(2.0, width * shown.took / longest)
                    painter.fillRect(QRectF(left, top + offset, bar, height), theme().colour(token))


def _compared(boot: Boot, before: Boot | None) -> str:
    if before is None or abs(boot.total - before.total) < SAME_SECONDS:
        return ""
    difference = boot.total - before.total
    return f", {abs(difference):.1f} s {'slower' if difference > 0 else 'faster'} than the previous start"
