"""Long work in a dialog of its own: what goes on, cancel, and how it ended; the window goes on behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.context import Context
from desktop.ui.models.format import size
from desktop.ui.theme import GAP, MARGIN, PAD
from desktop.ui.widgets.basics import Elided, label, restyle
from engine.client.models import Progress
from vm.errors import UserError

STEPS = 1000
"""Of a bar."""

WHOLE = ("Pulling from ", "The push refers ")
"""Beginnings of what concerns the whole work, though it has an ID."""

COMPLETE = ("complete", "pushed", "exists", "mounted")
"""What the status of a layer that needs nothing more contains; but not ``Download complete``."""


class WorkDialog(QDialog):
    """Follows something that the engine does; leaving the dialog cancels it.

    :param steps: makes the work; cancelling ends it.    :param outcome: told when it is done.
    """

    def __init__(
        self,
        parent: QWidget,
        context: Context,
        title: str,
        steps: Callable[[], AsyncIterator[Any]],
        outcome: str,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumSize(560, 320)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.context, self.outcome = context, outcome
        self.done_with = False
        self.status = label("Beginning …", "muted", wrap=True, select=True)
        self.status.setAccessibleName("What goes on")
        self.buttons = QDialogButtonBox()
        self.cancel = QPushButton("Cancel")
        self.cancel.setAccessibleName("Cancel")
        self.buttons.addButton(self.cancel, QDialogButtonBox.ButtonRole.RejectRole)
        self.buttons.rejected.connect(self.reject)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, PAD)
        outer.setSpacing(GAP + 4)
        outer.addWidget(Elided(title, "section"))
        outer.addWidget(self.status)
        outer.addWidget(self.body(), 1)
        outer.addWidget(self.buttons)
        self.rejected.connect(self._leave)
        self._work = context.session.bridge.follow(steps, self.take, self.done_well, self.failed, owner=self)

    def body(self) -> QWidget:
        """What is between the status and the buttons: nothing by default."""
        return QWidget()

    def take(self, steps: list[Any]) -> None:
        """Show what has come: by default the last of it."""
        self.tell(f"{steps[-1]}")

    def done_well(self) -> None:
        """It is done: nothing is left to read."""
        self.done_with = True
        self.context.banners.tell("done", self.outcome)
        self.accept()

    def failed(self, error: UserError) -> None:
        """It failed: say why, and stay."""
        self.done_with = True
        self.tell(f"{error.message}. {error.hint}".strip(), "bad")
        self.status.setToolTip(error.detail)
        self.offer_close()

    def tell(self, text: str, kind: str = "muted") -> None:
        """What goes on. :param kind: of label: ``bad`` for a failure."""
        self.status.setText(text)
        self.status.setObjectName(kind)
        restyle(self.status)

    def offer_close(self) -> None:
        """Nothing is left to cancel."""
        self.cancel.setText("Close")
        self.cancel.setAccessibleName("Close")

    def _leave(self) -> None:
        self._work.cancel()
        if not self.done_with:
            self.context.banners.tell("info", f"Cancelled: {self.windowTitle()}")


class ProgressDialog(WorkDialog):
    """Steps with bars: the layers of a pull or push, the bytes of a file."""

    def body(self) -> QWidget:
        self.bars: dict[str, tuple[QProgressBar, QLabel]] = {}
        self._bytes: dict[str, tuple[int, int]] = {}
        self._complete: set[str] = set()
        self._warnings: list[str] = []
        self._said: list[str] = []
        self._grid = QGridLayout()
        self._grid.setColumnStretch(1, 1)
        self._grid.setHorizontalSpacing(PAD)
        self._grid.setVerticalSpacing(GAP)
        inner = QWidget()
        holder = QVBoxLayout(inner)
        holder.setContentsMargins(0, 0, GAP, 0)
        holder.addLayout(self._grid)
        holder.addStretch(1)
        scroll = QScrollArea(widgetResizable=True)
        scroll.setWidget(inner)
        scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        return scroll

    def take(self, steps: list[Progress]) -> None:
        for step in steps:
            if step.text:
                self._said.append(step.text.strip())
            elif step.status.startswith("WARNING"):
                self._warnings.append(step.status.partition(":")[2].strip())
            elif step.id and not step.status.startswith(WHOLE):
                self._layer(step)
            elif step.status and not self.bars:
                self.tell(step.status)
        if self.bars:
            self.tell(self._sum())

    def _sum(self) -> str:
        current, total = (sum(part) for part in zip((0, 0), *self._bytes.values(), strict=True))
        parts = [f"{len(self._complete)} of {len(self.bars)} complete"] if len(self.bars) > 1 else []
        return "  ·  ".join([*parts, *([f"{size(current)} of {size(total)}"] if total else [])])

    def _layer(self, step: Progress) -> None:
        if step.id not in self.bars:
            place = len(self.bars)
            bar, note = QProgressBar(textVisible=False), label("", "small")
            bar.setAccessibleName(f"Layer {step.id}")
            bar.setRange(0, STEPS)
            note.setMinimumWidth(190)
            for number, part in enumerate((label(step.id[:40], "small"), bar, note)):
                self._grid.addWidget(part, place, number)
            self.bars[step.id] = bar, note
        bar, note = self.bars[step.id]
        if step.total:
            current = min(step.current or 0, step.total)
            self._bytes[step.id] = current, step.total
            bar.setValue(round(STEPS * current / step.total))
            note.setText(f"{step.status} {size(current)} of {size(step.total)}")
            return
        note.setText(step.status)
        words = step.status.lower()
        if any(word in words for word in COMPLETE) and not words.startswith("download"):
            self._complete.add(step.id)
            bar.setValue(STEPS)
            if step.id in self._bytes:
                self._bytes[step.id] = (self._bytes[step.id][1],) * 2

    def done_well(self) -> None:
        super().done_well()
        if self._warnings:  # it is done, but not quite as it was asked for
            self.context.banners.tell("warning", self.outcome, "\n".join(self._warnings))
        elif self._said:
            self.context.banners.tell("done", self.outcome, "\n".join(self._said))
