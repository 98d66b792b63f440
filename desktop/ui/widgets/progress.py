"""Dialogs for long operations: progress, cancel and outcome. They do not block the window."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from PySide6.QtCore import Qt, QTimer
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
from desktop.ui.words import tr
from engine.client.models import Progress
from vm.errors import UserError

STEPS = 1000
"""The resolution of a progress bar."""

MOMENT_MS = 400
"""An operation that is done by then needs no dialog."""

WHOLE = ("Pulling from ", "The push refers ")
"""Prefixes of messages about the whole operation, although they carry an ID."""

COMPLETE = ("complete", "pushed", "exists", "mounted")
"""Parts of the status of a finished layer, except ``Download complete``."""


class WorkDialog(QDialog):
    """Follows an operation of the engine; closing the dialog cancels it.

    :param steps: begins the operation.    :param outcome: the message when it has succeeded; none if it is
    empty.
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
        self.status = label(tr("Starting …"), "muted", wrap=True, select=True)
        self.status.setAccessibleName(tr("Progress"))
        self.buttons = QDialogButtonBox()
        self.cancel = QPushButton(tr("Cancel"))
        self.cancel.setAccessibleName(tr("Cancel"))
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

    def show_soon(self) -> None:
        """Show it if the operation takes longer than a moment, or fails."""
        QTimer.singleShot(MOMENT_MS, self, self.show)

    def body(self) -> QWidget:
        """The widget between status and buttons; empty by default."""
        return QWidget()

    def take(self, steps: list[Any]) -> None:
        """Show new steps: by default the last one."""
        self.set_status(f"{steps[-1]}")

    def done_well(self) -> None:
        """Called on success: show the outcome and close."""
        self.done_with = True
        if self.outcome:
            self.context.banners.show_message("done", self.outcome)
        self.accept()

    def failed(self, error: UserError) -> None:
        """Called on failure: show the error and stay open."""
        self.done_with = True
        self.set_status(f"{error.message}. {error.hint}".strip(), "bad")
        self.status.setToolTip(error.detail)
        self.offer_close()

    def set_status(self, text: str, kind: str = "muted") -> None:
        """Set the status. :param kind: of the label; ``bad`` for a failure."""
        self.status.setText(text)
        self.status.setObjectName(kind)
        restyle(self.status)

    def offer_close(self) -> None:
        """Replace the cancel button by a close button."""
        self.cancel.setText(tr("Close"))
        self.cancel.setAccessibleName(tr("Close"))

    def _leave(self) -> None:
        self._work.cancel()
        if not self.done_with:
            self.context.banners.show_message("info", tr("Cancelled: {what}", what=self.windowTitle()))


class ProgressDialog(WorkDialog):
    """Steps with progress bars: the layers of a pull or push, the bytes of a file."""

    def body(self) -> QWidget:
        self.bars: dict[str, tuple[QProgressBar, QLabel]] = {}
        self._bytes: dict[str, tuple[int, int]] = {}
        self._complete: set[str] = set()
        self._warnings: list[str] = []
        self._texts: list[str] = []
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
                self._texts.append(step.text.strip())
            elif step.status.startswith("WARNING"):
                self._warnings.append(step.status.partition(":")[2].strip())
            elif step.id and not step.status.startswith(WHOLE):
                self._layer(step)
            elif step.status and not self.bars:
                self.set_status(step.status)
        if self.bars:
            self.set_status(self._sum())

    def _sum(self) -> str:
        current, total = (sum(part) for part in zip((0, 0), *self._bytes.values(), strict=True))
        parts = [f"{len(self._complete)} of {len(self.bars)} complete"] if len(self.bars) > 1 else []
        return "  ·  ".join([*parts, *([f"{size(current)} of {size(total)}"] if total else [])])

    def _layer(self, step: Progress) -> None:
        if step.id not in self.bars:
            place = len(self.bars)
            bar, note = QProgressBar(textVisible=False), label("", "small")
            bar.setAccessibleName(tr("Layer {id}", id=step.id))
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
        if self._warnings:  # it succeeded, but not exactly as requested
            self.context.banners.show_message("warning", self.outcome, "\n".join(self._warnings))
        elif self._texts:
            self.context.banners.show_message("done", self.outcome, "\n".join(self._texts))
