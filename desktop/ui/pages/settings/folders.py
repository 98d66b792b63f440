"""Folders: which of the user's folders containers may mount, and how each is mounted now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PySide6.QtWidgets import QFileDialog, QListWidget

from desktop.settings.fields import Field
from desktop.ui.context import Context
from desktop.ui.models.settings import SettingsModel
from desktop.ui.pages.settings.editors import WIDE, Editor, FlagEditor
from desktop.ui.pages.settings.folder_states import FolderStates
from desktop.ui.pages.settings.form import SettingsForm
from desktop.ui.widgets.basics import button, local_key, row
from desktop.ui.words import tr


class FoldersEditor(Editor[QListWidget]):
    """A list of folders, with buttons to add and remove one."""

    def __init__(self, model: SettingsModel, item: Field) -> None:
        super().__init__(model, item.name, tr(item.title), QListWidget(), help=tr(item.help))
        self.widget.setFixedHeight(120)
        self.widget.setMaximumWidth(WIDE)
        self.add_button = button(tr("Add a folder…"), self._ask, picture="add")
        self.remove_button = button(tr("Remove"), self.remove, picture="remove")
        self.remove_button.setEnabled(False)
        self.widget.itemSelectionChanged.connect(self._chosen)
        local_key(self.widget, "Del", self.remove)
        self.below = row(self.add_button, self.remove_button, None)

    def value(self) -> list[str]:
        return [self.widget.item(place).text() for place in range(self.widget.count())]

    def show(self, value: Any) -> None:
        self.widget.clear()
        self.widget.addItems(list(value))
        self._chosen()

    def add(self, folder: str) -> None:
        """Add a folder to the draft."""
        self.widget.addItem(folder)
        self.widget.setCurrentRow(self.widget.count() - 1)
        self.edited()

    def remove(self) -> None:
        """Remove the chosen folder from the draft."""
        if self.widget.selectedItems():
            self.widget.takeItem(self.widget.currentRow())
            self.edited()

    def _ask(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self.widget, tr("Choose a folder to share"), str(Path.home()))
        if chosen:
            self.add(str(Path(chosen)))  # with this system's own separators

    def _chosen(self) -> None:
        self.remove_button.setEnabled(bool(self.widget.selectedItems()))


def _home(model: SettingsModel, item: Field) -> FlagEditor:
    made = FlagEditor(model, item)
    made.note.setText(str(Path.home()))
    return made


class FoldersTab(SettingsForm):
    """What is shared, and how."""

    def __init__(self, context: Context, model: SettingsModel) -> None:
        super().__init__(model, "folders", {"share_home": _home, "shared_folders": FoldersEditor})
        self.states = FolderStates(context)
        self.add_card(self.states)
