"""Folders: what of this computer containers may mount."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QCheckBox, QFileDialog, QListWidget

from desktop.control.schema import SettingsReport
from desktop.ui.pages.settings.folder_states import FolderStates
from desktop.ui.pages.settings.form import FormTab
from desktop.ui.widgets.basics import button, card, label, local_key, row

if TYPE_CHECKING:
    from desktop.ui.pages.settings.page import SettingsPage

TEXT = (
    "Containers can mount what is in these folders (docker run -v). Nothing else of this computer can be reached."
)


class FoldersTab(FormTab):
    """See the module."""

    def __init__(self, page: SettingsPage) -> None:
        super().__init__(page)
        self.home = QCheckBox(f"Share my home folder, {Path.home()}")
        home = self.register("share_home", self.home.text(), self.home, self._home, self._show_home)
        self.home.toggled.connect(self.check)
        self.list = QListWidget()
        self.list.setFixedHeight(130)
        more = self.register("shared_folders", "More folders", self.list, self._paths, self._show_paths)
        self.add_button = button("Add a folder…", self._ask, picture="add")
        self.remove_button = button("Remove", self.remove, picture="remove")
        self.list.itemSelectionChanged.connect(self._chosen)
        local_key(self.list, "Del", self.remove)
        words = label("More folders")
        words.setBuddy(self.list)
        self.outer.addWidget(
            card(
                label("Shared folders", "section"),
                label(TEXT, "muted", wrap=True),
                self.home,
                home.reason,
                words,
                self.list,
                more.reason,
                row(self.add_button, self.remove_button, None),
            )
        )
        self._chosen()
        self.finish()
        self.states = FolderStates(page.context)
        self.outer.insertWidget(self.outer.count() - 1, self.states)  # above the empty rest

    @property
    def folders(self) -> list[str]:
        """The folders in the list."""
        return [self.list.item(place).text() for place in range(self.list.count())]

    def add(self, folder: str) -> None:
        """Put a folder into the list; applied with the rest."""
        self._fill([*self.folders, folder])
        self.list.setCurrentRow(self.list.count() - 1)

    def remove(self) -> None:
        """Take the chosen folder out of the list."""
        if self.list.selectedItems():
            self.list.takeItem(self.list.currentRow())
            self.check()

    def _ask(self) -> None:
        chosen = QFileDialog.getExistingDirectory(self, "Choose a folder to share", str(Path.home()))
        if chosen:
            self.add(str(Path(chosen)))  # with this system's own separators

    def _fill(self, folders: Sequence[str]) -> None:
        self.list.clear()
        self.list.addItems(list(folders))
        self._chosen()
        self.check()

    def _chosen(self) -> None:
        self.remove_button.setEnabled(bool(self.list.selectedItems()))

    def _home(self) -> dict[str, str]:
        return {"share_home": json.dumps(self.home.isChecked())}

    def _show_home(self, report: SettingsReport) -> None:
        self.home.setChecked(report.stored["share_home"])

    def _paths(self) -> dict[str, str]:
        return {"shared_folders": json.dumps(self.folders)}

    def _show_paths(self, report: SettingsReport) -> None:
        self._fill(report.stored["shared_folders"])
