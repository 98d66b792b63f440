"""Engine: daemon.json, with mirrors and insecure registries as fields of their own.

The text is the truth: typing into a field changes the text, and the other way round. Applied is each member that
has changed, so that what another tab has set meanwhile stays.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QFontDatabase
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit

from desktop.control.schema import SettingsReport
from desktop.ui.pages.settings.form import WIDE, Field, FormTab
from desktop.ui.widgets.basics import card, label

if TYPE_CHECKING:
    from desktop.ui.pages.settings.page import SettingsPage

LISTS = {
    "registry-mirrors": ("Registry mirrors", "https://mirror.example, https://…"),
    "insecure-registries": ("Insecure registries", "localhost:5000, 10.0.0.0/8"),
}


class EngineTab(FormTab):
    """See the module."""

    def __init__(self, page: SettingsPage) -> None:
        super().__init__(page)
        form = self.form("Registries", "Several are separated by commas.")
        self.lists: dict[str, QLineEdit] = {}
        for key, (caption, hint) in LISTS.items():
            made = self.lists[key] = QLineEdit(placeholderText=hint)
            made.setMaximumWidth(WIDE)
            self.field(form, key, caption, made, dict, lambda report: None)
            made.textEdited.connect(partial(self._typed, key))
            made.returnPressed.connect(self.apply.click)
        self.daemon = QPlainTextEdit()
        self.daemon.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.daemon.setTabChangesFocus(True)
        self.daemon.setMinimumHeight(150)
        text = "Additions to dockerd's own configuration, as JSON. They are checked before they are applied."
        reason = self.register("daemon", "daemon.json", self.daemon, self._members, self._show).reason
        self.outer.addWidget(
            card(label("daemon.json", "section"), label(text, "muted", wrap=True), self.daemon, reason)
        )
        self.daemon.textChanged.connect(self._changed)
        waiting = self.form("While the machine starts")
        self.wait = self.line(
            waiting, "wait_seconds", "docker waits", note=label("seconds, before it is told to try later", "muted")
        )
        self.finish()

    def trouble(self, field: Field) -> str:
        if field is self.fields["daemon"]:
            value = parsed(self.daemon.toPlainText())
            if isinstance(value, str):
                return value
        for key, line in self.lists.items():
            if field.widget is line:
                return self.refusal({f"daemon.{key}": json.dumps(items(line.text()))})
        return super().trouble(field)

    def _members(self) -> dict[str, str]:
        value = parsed(self.daemon.toPlainText())
        if isinstance(value, str):
            return {"daemon": value}  # not acceptable, and not as before: see trouble()
        return {f"daemon.{key}": json.dumps(item) for key, item in value.items()}

    def _show(self, report: SettingsReport) -> None:
        self.daemon.setPlainText(json.dumps(report.stored["daemon"], indent=2, ensure_ascii=False))

    def _typed(self, key: str, text: str) -> None:
        value = parsed(self.daemon.toPlainText())
        if isinstance(value, str):
            return
        value.pop(key, None)
        changed = {**value, **({key: items(text)} if items(text) else {})}
        self.daemon.setPlainText(json.dumps(changed, indent=2, ensure_ascii=False))

    def _changed(self) -> None:
        value = parsed(self.daemon.toPlainText())
        for key, field in self.lists.items():
            field.setEnabled(not isinstance(value, str))
            if not isinstance(value, str) and not field.hasFocus():
                found = value.get(key, [])
                field.setText(", ".join(map(str, found)) if isinstance(found, list) else "")
        self.check()


def items(text: str) -> list[str]:
    """What is separated by commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def parsed(text: str) -> dict[str, Any] | str:
    """The object a text holds, or why it holds none."""
    try:
        value = json.loads(text.strip() or "{}")
    except ValueError as error:
        return f"This is not JSON: {error}."
    return value if isinstance(value, dict) else "It has to be an object: { … }."
