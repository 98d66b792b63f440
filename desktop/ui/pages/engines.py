"""The dialog that chooses the engine, and what ssh asks on the way to one."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLineEdit, QPushButton, QVBoxLayout, QWidget

from desktop.ui.engine_connection import Asked
from desktop.ui.engines import Engines, Entry
from desktop.ui.models.records import Column, Row
from desktop.ui.theme import GAP, MARGIN, PAD
from desktop.ui.widgets.basics import label, restyle
from desktop.ui.widgets.dialogs import Form, Question
from desktop.ui.widgets.table import Table
from desktop.ui.words import mark, tr

COLUMNS = (
    Column(
        mark("Engine"),
        lambda entry: entry.title,
        lambda entry: (entry.endpoint is not None, entry.switch is not None, entry.title),
        width=0,
    ),
    Column(mark("By"), lambda entry: entry.kind, width=150),
    Column(mark("Address"), lambda entry: entry.address, tip=lambda entry: entry.address, width=240),
    Column(mark("State"), lambda entry: entry.state, tip=lambda entry: entry.reason, width=190),
)

ABOUT = mark(
    "The window follows the engine that you choose. Others are your Docker contexts: docker context create"
)


class EnginesDialog(QDialog):
    """Every engine with its address and state.

    :param choose: called with the chosen entry.
    """

    def __init__(self, parent: QWidget, engines: Engines, current: str, choose: Callable[[Entry], object]) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Choose an engine"))
        self.setModal(True)
        self.resize(820, 440)
        self._engines, self._choose, self._current = engines, choose, current
        self.table = Table(COLUMNS, tr("Engines"))
        self.table.delegate.quiet.update((1, 2, 3))
        self.reason = label("", "reason", wrap=True)
        self.reason.setAccessibleName(tr("Why this engine cannot be chosen"))
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        self.buttons.button(QDialogButtonBox.StandardButton.Cancel).setAutoDefault(False)
        self.verb = QPushButton(tr("Show this engine"))
        self.verb.setAccessibleName(tr("Show this engine"))
        self.verb.setDefault(True)
        self.buttons.addButton(self.verb, QDialogButtonBox.ButtonRole.AcceptRole)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, PAD)
        outer.setSpacing(GAP + 4)
        outer.addWidget(label(tr("Choose an engine"), "section"))
        outer.addWidget(label(tr(ABOUT), "muted", wrap=True))
        outer.addWidget(self.table, 1)
        outer.addWidget(self.reason)
        outer.addWidget(self.buttons)
        self.buttons.accepted.connect(self._accepted)
        self.buttons.rejected.connect(self.reject)
        self.table.opened.connect(lambda _: self._accepted())
        self.table.chosen_changed.connect(self._enable)
        engines.changed.connect(self._show)
        self.finished.connect(lambda _: engines.changed.disconnect(self._show))
        self._show()
        self.table.choose(current)
        self.table.setFocus()
        engines.refresh()

    def _show(self) -> None:
        self.table.records.update_rows([Row(entry.key, entry) for entry in self._engines.entries])
        if not self.table.chosen():
            self.table.choose(self._current)
        self._enable()

    def _entry(self) -> Entry | None:
        chosen = self.table.chosen()
        entry = chosen[0].record if len(chosen) == 1 else None
        assert entry is None or isinstance(entry, Entry)
        return entry

    def _enable(self) -> None:
        entry = self._entry()
        self.verb.setEnabled(entry is not None and not entry.reason)
        words = (
            tr("Show this engine")
            if entry is None or entry.switch is None
            else tr("Switch to {title}", title=entry.switch.title)
        )
        self.verb.setText(words)
        self.verb.setAccessibleName(words)
        self.reason.setText(entry.reason if entry is not None else "")
        self.reason.setVisible(bool(self.reason.text()))

    def _accepted(self) -> None:
        entry = self._entry()
        if entry is not None and not entry.reason:
            self.accept()
            self._choose(entry)


def ask_user(parent: QWidget, engine: str, asked: Asked, answer: Callable[[Asked, str | None], object]) -> QDialog:
    """Show what ssh asks on the way to ``engine``; closing the dialog gives up."""
    question = asked.question
    if question.confirm:
        title = (
            tr("Trust the computer of “{engine}”?", engine=engine)
            if question.host_key
            else tr("ssh asks on the way to “{engine}”", engine=engine)
        )
        text = question.text
        if question.host_key:
            text += tr(
                "\n\nCompare the fingerprint with what its administrator says. Another one may be someone else."
            )
        dialog: QDialog = Question(parent, title, text, tr("Trust it") if question.host_key else tr("Yes"))
        dialog.accepted.connect(lambda: answer(asked, "yes"))
    else:
        form = Form(
            parent,
            tr("Log in to “{engine}”", engine=engine),
            tr("Log in"),
            tr("{text}\nSlipway does not keep it.", text=question.text),
        )
        field = form.field(tr("Answer"))
        field.setEchoMode(QLineEdit.EchoMode.Password)
        field.setAccessibleName(question.text)
        restyle(field)
        form.accepted.connect(lambda: answer(asked, field.text()))
        dialog = form
    dialog.rejected.connect(lambda: answer(asked, None))
    dialog.open()
    return dialog
