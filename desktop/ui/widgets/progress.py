"""Dialogs that show a job: progress, cancel and outcome. Closing one leaves the job to go on."""

from __future__ import annotations

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

from desktop.ui.activities import Job
from desktop.ui.context import Context
from desktop.ui.models.transfer import Layer, Transfer
from desktop.ui.theme import GAP, MARGIN, PAD
from desktop.ui.widgets.basics import Elided, label, restyle
from desktop.ui.words import key_names, tr
from vm.errors import UserError

STEPS = 1000
"""The resolution of a progress bar."""

MOMENT_MS = 400
"""An operation that is done by then needs no dialog."""


class WorkDialog(QDialog):
    """Shows a job. Closing the dialog leaves it to go on; it is in the activity then."""

    def __init__(self, parent: QWidget, context: Context, job: Job) -> None:
        super().__init__(parent)
        self.setWindowTitle(job.order.title)
        self.setMinimumSize(560, 320)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.context, self.job = context, job
        self.status = label(tr("Starting …"), "muted", wrap=True, select=True)
        self.status.setAccessibleName(tr("Progress"))
        self.buttons = QDialogButtonBox()
        self.cancel = self._button(tr("Cancel"), QDialogButtonBox.ButtonRole.DestructiveRole)
        self.hide_button = self._button(tr("Hide"), QDialogButtonBox.ButtonRole.RejectRole)
        self.hide_button.setToolTip(key_names(tr("It goes on; the activity shows it (Ctrl+Shift+A)")))
        self.hide_button.setFocus()  # Return and the space bar must not lose anything
        self.cancel.clicked.connect(self._cancel)
        self.buttons.rejected.connect(self.reject)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, PAD)
        outer.setSpacing(GAP + 4)
        outer.addWidget(Elided(job.order.title, "section"))
        outer.addWidget(self.status)
        outer.addWidget(self.body(), 1)
        outer.addWidget(self.buttons)
        self.finished.connect(self._unwatch)
        job.watched = True
        job.changed.connect(self.take)
        job.succeeded.connect(self.done_well)
        job.failed.connect(self.failed)
        job.cancelled.connect(self.reject)
        if job.reader.note:
            self.take([])

    @property
    def done_with(self) -> bool:
        """Whether the job has ended."""
        return not self.job.running

    def show_soon(self) -> None:
        """Show it if the operation takes longer than a moment, or fails."""
        QTimer.singleShot(MOMENT_MS, self, self.show)

    def body(self) -> QWidget:
        """The widget between status and buttons; empty by default."""
        return QWidget()

    def take(self, steps: list[Any]) -> None:
        """Show what the job has come to."""
        if self.job.reader.note:
            self.set_status(self.job.reader.note)

    def done_well(self) -> None:
        """Called on success: close, since the window shows the outcome."""
        self.accept()

    def failed(self, error: UserError) -> None:
        """Called on failure: show the error and stay open."""
        self.set_status(f"{error.message}. {error.hint}".strip(), "bad")
        self.status.setToolTip(error.detail)
        self.offer_close()

    def set_status(self, text: str, kind: str = "muted") -> None:
        """Set the status. :param kind: of the label; ``bad`` for a failure."""
        self.status.setText(text)
        self.status.setObjectName(kind)
        restyle(self.status)

    def offer_close(self) -> None:
        """Replace the buttons by one that closes."""
        self.hide_button.hide()
        self.cancel.setText(tr("Close"))
        self.cancel.setAccessibleName(tr("Close"))

    def _button(self, text: str, role: QDialogButtonBox.ButtonRole) -> QPushButton:
        made = QPushButton(text)
        made.setAccessibleName(text)
        made.setAutoDefault(False)
        self.buttons.addButton(made, role)
        return made

    def _cancel(self) -> None:
        if self.job.running:
            self.job.cancel()
        else:
            self.reject()

    def _unwatch(self) -> None:
        self.job.watched = False


class LayerBars(QScrollArea):
    """A progress bar for each layer of a pull or push, or for a file."""

    def __init__(self) -> None:
        super().__init__(widgetResizable=True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.bars: dict[str, tuple[QProgressBar, QLabel]] = {}
        self._shown: Transfer | None = None
        self._make_grid()

    def show_transfer(self, transfer: Transfer) -> None:
        """Show how far it is."""
        if self._shown is not transfer:
            self._shown = transfer
            self.bars.clear()
            self._make_grid()
        for key, layer in transfer.layers.items():
            self._show_layer(key, layer)

    def _make_grid(self) -> None:
        self._grid = QGridLayout()
        self._grid.setColumnStretch(1, 1)
        self._grid.setHorizontalSpacing(PAD)
        self._grid.setVerticalSpacing(GAP)
        inner = QWidget()
        holder = QVBoxLayout(inner)
        holder.setContentsMargins(0, 0, GAP, 0)
        holder.addLayout(self._grid)
        holder.addStretch(1)
        self.setWidget(inner)

    def _show_layer(self, key: str, layer: Layer) -> None:
        if key not in self.bars:
            place = len(self.bars)
            bar, note = QProgressBar(textVisible=False), label("", "small")
            bar.setAccessibleName(tr("Layer {id}", id=key))
            bar.setRange(0, STEPS)
            note.setMinimumWidth(190)
            for number, part in enumerate((label(key[:40], "small"), bar, note)):
                self._grid.addWidget(part, place, number)
            self.bars[key] = bar, note
        bar, note = self.bars[key]
        bar.setValue(round(STEPS * layer.fraction))
        if note.text() != layer.note:
            note.setText(layer.note)


class ProgressDialog(WorkDialog):
    """The layers of a pull or push, the bytes of a file."""

    def body(self) -> QWidget:
        self.layers = LayerBars()
        return self.layers

    @property
    def bars(self) -> dict[str, tuple[QProgressBar, QLabel]]:
        """Those of the layers."""
        return self.layers.bars

    def take(self, steps: list[Any]) -> None:
        assert isinstance(self.job.reader, Transfer)
        self.layers.show_transfer(self.job.reader)
        super().take(steps)
