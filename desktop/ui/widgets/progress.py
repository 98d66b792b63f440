"""Long work in a dialog of its own: steps with bars, a log, cancel; the window goes on behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.context import Context
from desktop.ui.models.format import size
from desktop.ui.theme import GAP, MARGIN, PAD
from desktop.ui.widgets.basics import label
from engine.client.models import Progress
from vm.errors import UserError


class ProgressDialog(QDialog):
    """Follows an operation of the engine's.

    :param steps: makes the operation; cancelling ends it.    :param outcome: told when it is done.
    """

    def __init__(
        self,
        parent: QWidget,
        context: Context,
        title: str,
        steps: Callable[[], AsyncIterator[Progress]],
        outcome: str,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setMinimumSize(560, 320)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._context, self._outcome = context, outcome
        self._bars: dict[str, tuple[Any, QProgressBar, Any]] = {}
        self.status = label("Beginning …", "muted", wrap=True)
        self.status.setAccessibleName("What goes on")
        self._grid = QGridLayout()
        self._grid.setColumnStretch(1, 1)
        self._grid.setSpacing(GAP)
        bars = QWidget()
        holder = QVBoxLayout(bars)
        holder.setContentsMargins(0, 0, GAP, 0)
        holder.addLayout(self._grid)
        holder.addStretch(1)
        self._scroll = QScrollArea(widgetResizable=True)
        self._scroll.setWidget(bars)
        self._scroll.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.output = QPlainTextEdit(readOnly=True)
        self.output.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.output.setAccessibleName("Output")
        self.output.setTabChangesFocus(True)
        self.output.hide()
        self.buttons = QDialogButtonBox()
        self.cancel = QPushButton("Cancel")
        self.cancel.setAccessibleName("Cancel")
        self.buttons.addButton(self.cancel, QDialogButtonBox.ButtonRole.RejectRole)
        self.buttons.rejected.connect(self.reject)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, PAD)
        outer.setSpacing(GAP + 4)
        for part in (label(title, "section", wrap=True), self.status, self._scroll, self.output, self.buttons):
            outer.addWidget(part, 1 if part in (self._scroll, self.output) else 0)
        self.rejected.connect(self._leave)
        self.done_with = False
        self._work = context.session.bridge.follow(steps, self._take, self._done, self._failed, owner=self)

    def _take(self, steps: list[Progress]) -> None:
        text = ""
        for step in steps:
            if step.text:
                text += step.text
            elif step.id and step.total:
                self._bar(step)
            elif step.id and step.id in self._bars:
                self._bars[step.id][1].setRange(0, 1)
                self._bars[step.id][1].setValue(1)
                self._bars[step.id][2].setText(step.status)
            elif step.status:
                self.status.setText(step.status if not step.id else f"{step.status} {step.id}")
        if text:
            self._scroll.hide()
            self.output.show()
            self.output.appendPlainText(text.rstrip("\n"))

    def _bar(self, step: Progress) -> None:
        if step.id not in self._bars:
            place = len(self._bars)
            parts = (label(step.id, "small"), QProgressBar(textVisible=False), label("", "small"))
            parts[1].setAccessibleName(f"Layer {step.id}")
            for number, part in enumerate(parts):
                self._grid.addWidget(part, place, number)
            self._bars[step.id] = parts
        _, bar, note = self._bars[step.id]
        bar.setRange(0, 1000)
        bar.setValue(round(1000 * min(1.0, (step.current or 0) / (step.total or 1))))
        note.setText(f"{step.status} {size(step.current or 0)} of {size(step.total or 0)}")

    def _done(self) -> None:
        self.done_with = True
        self._context.banners.tell("done", self._outcome)
        if self.output.isHidden():
            self.accept()
        else:  # what was printed may be worth reading
            self.status.setText(f"{self._outcome}.")
            self._offer_close()

    def _failed(self, error: UserError) -> None:
        self.done_with = True
        self.status.setText(f"{error.message}. {error.hint}".strip())
        self.status.setObjectName("reason")
        self.status.style().polish(self.status)
        self._offer_close()

    def _offer_close(self) -> None:
        self.cancel.setText("Close")
        self.cancel.setAccessibleName("Close")

    def _leave(self) -> None:
        self._work.cancel()
        if not self.done_with:
            self._context.banners.tell("info", f"Cancelled: {self.windowTitle()}")
