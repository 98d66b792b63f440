"""A new client of the TLS listener: what it is called, where its files go, and what to run on its computer."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QFontDatabase, QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QPlainTextEdit,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from desktop.control.client import ControlClient
from desktop.control.schema import CLIENT_DAYS
from desktop.control.tls_files import context_command, require_new, save_files
from desktop.ui.theme import GAP, MARGIN, PAD
from desktop.ui.widgets.basics import button, label, row
from desktop.ui.widgets.dialogs import Form
from desktop.ui.words import mark, tr
from vm.errors import HostError

LONGEST_DAYS = 3650
COMMAND_HEIGHT = 96
TAKEN = mark("There is a client of this name. Revoke it first, or choose another name.")


@dataclass(frozen=True)
class NewClient:
    """What a user wants. :ivar days: how long its certificate is valid.    :ivar folder: for its three files."""

    name: str
    days: int
    folder: Path


async def make_client(client: ControlClient, wanted: NewClient) -> str:
    """Have a certificate made, and save what its client needs.

    :return: the command that makes a Docker context of it.
    :raise UserError: there can be none of this name, or the folder cannot be written.
    """
    require_new(wanted.folder)
    bundle = await client.add_tls_client(wanted.name, wanted.days, False)
    save_files(wanted.folder, bundle)
    return context_command(wanted.name, wanted.folder, bundle.url)


class NewClientForm(Form):
    """:param taken: names that have a valid certificate already."""

    def __init__(self, parent: QWidget, taken: Collection[str]) -> None:
        text = tr("Makes a certificate and writes ca.pem, cert.pem and key.pem. Slipway keeps no copy of the key.")
        super().__init__(parent, tr("New client"), tr("Make"), text)
        self.setMinimumWidth(560)
        self._taken = taken
        self.name = self.field(tr("Name"), tr("for example laptop"), check=self._name_error)
        self.days = QSpinBox(minimum=1, maximum=LONGEST_DAYS, value=CLIENT_DAYS, suffix=tr(" days"))
        self.days.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.add(tr("Valid for"), self.days)
        self.days.lineEdit().setAccessibleName(tr("Valid for, in days"))  # the one that has the focus
        self.folder = self.field(tr("Folder"), tr("new or empty"), check=folder_error)
        self.form.addRow("", row(button(tr("Choose a folder…"), self._choose, picture="files"), None))
        self._proposed = ""
        self.name.textChanged.connect(self._propose)

    def wanted(self) -> NewClient:
        """What the fields say."""
        folder = Path(self.folder.text().strip()).expanduser().absolute()
        return NewClient(self.name.text().strip(), self.days.value(), folder)

    def _propose(self) -> None:
        """A folder of the client's name, unless the user has named another one."""
        if self.folder.text() == self._proposed:
            name = self.name.text().strip()
            self._proposed = str(Path.home() / f"slipway-tls-{name}") if name else ""
            self.folder.setText(self._proposed)

    def _choose(self) -> None:
        found = QFileDialog.getExistingDirectory(self, tr("Choose an empty folder"), str(Path.home()))
        if found:
            self.folder.setText(str(Path(found)))

    def _name_error(self, text: str) -> str:
        if not text:
            return tr("Enter a name.")
        return tr(TAKEN) if text in self._taken else ""


def folder_error(text: str) -> str:
    """Why the files cannot go into a folder; empty when they can."""
    if not text:
        return tr("Choose a folder.")
    try:
        require_new(Path(text).expanduser().absolute())
    except HostError as error:
        return f"{error.message}."
    return ""


class ContextDialog(QDialog):
    """Says where the files are, and the one command to run."""

    def __init__(self, parent: QWidget, made: NewClient, command: str) -> None:
        super().__init__(parent)
        title = tr("The client “{name}” can connect", name=made.name)
        self.setWindowTitle(title)
        self.setModal(True)
        self.setMinimumWidth(560)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        where = tr(
            "Its files are in {folder}. Copy the folder to its computer, and there run this, with the path that "
            "the folder has there. Whoever has key.pem is let in, so keep it secret.",
            folder=made.folder,
        )
        self.command = QPlainTextEdit(command, readOnly=True)
        self.command.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.command.setTabChangesFocus(True)
        self.command.setFixedHeight(COMMAND_HEIGHT)
        self.command.setAccessibleName(tr("Command to run"))
        self.copy = button(tr("Copy"), lambda: QGuiApplication.clipboard().setText(command), picture="copy")
        self.buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        self.buttons.button(QDialogButtonBox.StandardButton.Close).setAccessibleName(tr("Close"))
        self.buttons.rejected.connect(self.reject)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, PAD)
        outer.setSpacing(GAP + 4)
        outer.addWidget(label(title, "section"))
        outer.addWidget(label(where, "muted", wrap=True, select=True))
        outer.addWidget(self.command)
        outer.addLayout(row(self.copy, None))
        outer.addStretch(1)
        outer.addWidget(self.buttons)
