"""Engine: daemon.json as text, and registry mirrors and insecure registries as fields of their own.

The fields and the text edit the same draft, so each follows the other.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QPlainTextEdit

from desktop.settings.fields import Field, Section
from desktop.ui.models.settings import SettingsModel
from desktop.ui.pages.settings.editors import Editor, LineEditor
from desktop.ui.pages.settings.form import SettingsForm
from desktop.ui.words import mark, tr

REGISTRIES = Section("engine", mark("Registries"), mark("Separate several with commas."))
LISTS = {
    "registry-mirrors": (mark("Registry mirrors"), "https://mirror.example, https://…"),
    "insecure-registries": (mark("Insecure registries"), "localhost:5000, 10.0.0.0/8"),
}


class ListEditor(LineEditor):
    """Several values in one line, separated by commas."""

    def value(self) -> list[str] | None:
        return [part.strip() for part in self.widget.text().split(",") if part.strip()] or None

    def show(self, value: Any) -> None:
        self.widget.setText(", ".join(map(str, value)) if isinstance(value, list) else "")


class DaemonEditor(Editor[QPlainTextEdit]):
    """A JSON object as text."""

    wide = True

    def __init__(self, model: SettingsModel, item: Field) -> None:
        super().__init__(model, item.name, tr(item.title), QPlainTextEdit(), help=tr(item.help))
        self.caption = ""
        self.widget.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.widget.setTabChangesFocus(True)
        self.widget.setMinimumHeight(150)
        self.widget.textChanged.connect(self.edited)

    def value(self) -> str:
        return self.widget.toPlainText()

    def show(self, value: Any) -> None:
        text = json.dumps(value, indent=2, ensure_ascii=False) if isinstance(value, Mapping) else str(value)
        self.widget.setPlainText(text)


class EngineTab(SettingsForm):
    """dockerd's own configuration."""

    def __init__(self, model: SettingsModel) -> None:
        super().__init__(model, "engine", {"daemon": DaemonEditor}, first=[REGISTRIES])
        for key, (title, example) in LISTS.items():
            self.add_editor(REGISTRIES, ListEditor(model, f"daemon.{key}", tr(title), example=example))
