"""Changing a small text file of a container or a volume where it is; owner, mode and line ends stay."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QPushButton, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.models.format import size
from desktop.ui.theme import GAP, MARGIN, PAD
from desktop.ui.widgets.basics import Elided, label
from desktop.ui.widgets.dialogs import Question
from desktop.ui.widgets.text_editor import TextEditor
from engine.client.files import ContainerFiles, Held
from vm.errors import EngineError, UserError

MOST_BYTES = 2**20


class FileEditor(QDialog):
    """One file. It is written only when it is still what was read, or the user agrees to lose the other change."""

    def __init__(
        self, owner: QWidget, context: Context, files: ContainerFiles, held: Held, saved: Callable[[], object]
    ) -> None:
        """:raise EngineError: it is no text."""
        super().__init__(owner)
        self._context, self._files, self._held, self._saved = context, files, held, saved
        text = text_of(held)
        self._windows = "\r\n" in text
        self.setWindowTitle(f"Edit {held.name}")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.resize(760, 520)
        self.text = TextEditor("Contents", editable=True)
        self.text.setPlainText(text)
        if self.text.toPlainText() != text.replace("\r\n", "\n"):
            raise EngineError(f"{held.name} cannot be edited here", "It has line ends that would be lost.")
        self.text.document().setModified(False)
        self.note = label(f"{held.path}  ·  {size(len(held.data))}", "muted", wrap=True, select=True)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
        buttons.button(QDialogButtonBox.StandardButton.Cancel).setAutoDefault(False)
        self.verb = QPushButton("Save")
        self.verb.setAccessibleName("Save")
        self.verb.setProperty("primary", True)
        self.verb.setDefault(True)
        self.verb.setShortcut("Ctrl+S")
        self.verb.setEnabled(False)
        buttons.addButton(self.verb, QDialogButtonBox.ButtonRole.AcceptRole)
        self.verb.clicked.connect(lambda: self._save(held.data))
        buttons.rejected.connect(self.reject)
        self.text.document().modificationChanged.connect(self.verb.setEnabled)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, PAD)
        outer.setSpacing(GAP)
        outer.addWidget(Elided(held.name, "section"))
        outer.addWidget(self.note)
        outer.addWidget(self.text, 1)
        outer.addWidget(buttons)
        self.text.setFocus()

    @property
    def data(self) -> bytes:
        """What the file gets."""
        text = self.text.toPlainText()
        return (text.replace("\n", "\r\n") if self._windows else text).encode()

    def _save(self, expected: bytes | None) -> None:
        self.verb.setEnabled(False)
        self._context.session.bridge.call(
            self._files.write(self._held, self.data, expected), self._written, self._failed, owner=self
        )

    def _written(self, same: bool) -> None:
        if not same:
            self.verb.setEnabled(True)
            text = "Something else has written to it since it was opened here. Saving replaces that."
            Question(self, f"{self._held.name} has changed", text, "Save anyway").then(lambda _: self._save(None))
            return
        self.text.document().setModified(False)
        self._context.banners.show_message("done", f"Saved {self._held.name}")
        self._saved()
        self.accept()

    def _failed(self, error: UserError) -> None:
        self.verb.setEnabled(True)
        self.note.setText(f"{error.message}. {error.hint}".strip())

    def reject(self) -> None:
        """Leave; what was typed is lost only when that is agreed to."""
        if not self.text.document().isModified():
            super().reject()
            return
        leave = super().reject
        Question(self, "Discard your changes?", f"{self._held.name} stays as it was.", "Discard").then(
            lambda _: leave()
        )

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.text.document().isModified():
            event.ignore()
            self.reject()
        else:
            super().closeEvent(event)


def text_of(held: Held) -> str:
    """What a file says. :raise EngineError: it is no text, or too large to be edited."""
    if not held.whole:
        raise EngineError(f"{held.name} is too large to be edited here", f"The most is {size(MOST_BYTES)}.")
    try:
        text = held.data.decode()
    except UnicodeDecodeError as error:
        raise EngineError(f"{held.name} is not a text file", "Download it instead.", str(error)) from error
    if "\0" in text:
        raise EngineError(f"{held.name} is not a text file", "Download it instead.")
    return text
