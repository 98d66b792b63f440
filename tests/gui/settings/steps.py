"""Short words for what a user does on the settings page."""

from __future__ import annotations

import json
import os
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialogButtonBox,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QWidget,
)

from desktop.ui.pages.settings import SettingsPage
from desktop.ui.pages.settings.bundle import BundleDialog
from desktop.ui.pages.settings.folders import FoldersEditor
from desktop.ui.pages.settings.form import SettingsForm
from desktop.ui.widgets.dialogs import Question
from tests.gui.stage import until


def show(page: SettingsPage, name: str) -> None:
    page.show_subject(name)
    until(lambda: getattr(page, name).isVisible())


def line(page: SettingsPage, path: str) -> QLineEdit:
    """The line of a setting, on whichever tab it is."""
    for form in page.findChildren(SettingsForm):
        if path in form.editors:
            found = form.editors[path].widget
            assert isinstance(found, QLineEdit)
            return found
    raise LookupError(path)


def text_of(page: SettingsPage) -> QPlainTextEdit:
    """The text of daemon.json."""
    found = page.engine.editors["daemon"].widget
    assert isinstance(found, QPlainTextEdit)
    return found


def folders_of(page: SettingsPage) -> FoldersEditor:
    """The list of folders."""
    found = page.folders.editors["shared_folders"]
    assert isinstance(found, FoldersEditor)
    return found


def box(form: SettingsForm, path: str) -> QCheckBox:
    found = form.editors[path].widget
    assert isinstance(found, QCheckBox)
    return found


def choose(form: SettingsForm, path: str, value: str) -> None:
    found = form.editors[path].widget
    assert isinstance(found, QComboBox)
    found.setCurrentIndex(found.findData(value))


def top_of(tab: QWidget, item: QWidget) -> int:
    return item.mapTo(tab, item.rect().topLeft()).y()


def in_focus_order(items: list[QWidget]) -> list[QWidget]:
    """The items as the Tab key comes by them, from the one highest up."""
    first = min(items, key=lambda item: item.mapToGlobal(item.rect().topLeft()).y())
    found, here = [first], first.nextInFocusChain()
    while here is not first:
        assert here is not None
        found += [here] if here in items else []
        here = here.nextInFocusChain()
    return found


def click(button: QPushButton) -> None:
    assert button.isEnabled(), button.text()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def type_into(field: QLineEdit, text: str) -> None:
    field.setFocus()
    field.clear()
    QTest.keyClicks(field, text)


def cancel(dialog: Question | BundleDialog) -> None:
    click(dialog.buttons.button(QDialogButtonBox.StandardButton.Cancel))


def stored(page: SettingsPage, name: str) -> object:
    return page.model.saved[name]


def is_stored(page: SettingsPage, name: str, value: object) -> bool:
    return stored(page, name) == value


def file(name: str = "settings.json") -> dict[str, object]:
    values: dict[str, object] = json.loads((Path(os.environ["SLIPWAY_HOME"]) / name).read_text("utf-8"))
    return values
