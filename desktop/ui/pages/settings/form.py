"""A tab of fields: each is checked as one types, and all that have changed are applied together."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QComboBox, QFormLayout, QLabel, QLineEdit, QVBoxLayout, QWidget

from desktop.control.schema import SettingsReport
from desktop.settings.changes import from_json, with_values
from desktop.settings.schema import Applies, SettingsError, applies
from desktop.ui.theme import GAP, PAD, SPACE
from desktop.ui.widgets.basics import button, card, column, label, restyle, row
from vm.errors import UserError

if TYPE_CHECKING:
    from desktop.ui.pages.settings.page import SettingsPage

WIDE, NARROW, CAPTION = 420, 160, 150


@dataclass
class Field:
    """What a person may change of one setting.

    :ivar changes: the setting's dotted path → its text, as it stands in the widget now.
    :ivar show: puts the settings into the widget.    :ivar shown: ``changes`` as the settings have it.
    """

    caption: str
    widget: QWidget
    reason: QLabel
    changes: Callable[[], dict[str, str]]
    show: Callable[[SettingsReport], None]
    shown: Mapping[str, str] | None = None

    @property
    def changed(self) -> dict[str, str]:
        """What is not as the settings have it."""
        before = self.shown
        if before is None:
            return {}
        now = self.changes()
        gone = {path: "null" for path in before if path not in now}
        return {path: text for path, text in {**now, **gone}.items() if before.get(path) != text}

    def refuse(self, why: str) -> None:
        """Mark it with a reason; an empty one takes the mark away."""
        self.reason.setText(why)
        self.reason.setVisible(bool(why))
        self.widget.setProperty("invalid", bool(why))
        self.widget.setAccessibleDescription(why)
        restyle(self.widget)


class FormTab(QWidget):
    """See the module."""

    def __init__(self, page: SettingsPage) -> None:
        super().__init__()
        self.page = page
        self.fields: dict[str, Field] = {}
        self.outer = QVBoxLayout(self)
        self.outer.setContentsMargins(0, PAD, PAD, 0)
        self.outer.setSpacing(PAD)
        self.note = label("", "muted", wrap=True, select=True)
        self._refusal: tuple[Mapping[str, str], UserError] | None = None
        self.discard_button = button("Discard", self.discard)
        self.later = button("Apply at the next start", lambda: self._apply(restart=False))
        self.apply = button("Apply", lambda: self._apply(restart=True), primary=True)
        page.context.session.status_changed.connect(self.check)

    def finish(self) -> None:
        """Put the buttons below the fields."""
        line = row(self.discard_button, self.later, self.apply)
        line.insertWidget(0, self.note, 1)
        self.outer.addLayout(line)
        self.outer.addStretch(1)
        self.check()

    # -- making fields --------------------------------------------------------------------------------------------

    def form(self, title: str, text: str = "") -> QFormLayout:
        """A card of fields."""
        made = QFormLayout()
        made.setSpacing(GAP)
        made.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        parts = [label(title, "section"), *([label(text, "muted", wrap=True)] if text else [])]
        self.outer.addWidget(card(*parts, made))
        return made

    def field(
        self,
        form: QFormLayout,
        name: str,
        caption: str,
        widget: QWidget,
        changes: Callable[[], dict[str, str]],
        show: Callable[[SettingsReport], None],
        note: QLabel | None = None,
    ) -> Field:
        """A widget of any kind with its caption and a place for the reason when it is refused."""
        made = self.register(name, caption, widget, changes, show)
        place = column(row(widget, note, None) if note is not None else widget, made.reason, gap=SPACE)
        if not caption:
            form.addRow(place)
            return made
        words = label(caption)
        words.setBuddy(widget)
        words.setMinimumWidth(CAPTION)
        form.addRow(words, place)
        return made

    def register(
        self,
        name: str,
        caption: str,
        widget: QWidget,
        changes: Callable[[], dict[str, str]],
        show: Callable[[SettingsReport], None],
    ) -> Field:
        """A field that is put into its place by the caller, with its reason."""
        widget.setAccessibleName(caption)
        reason = label("", "reason", wrap=True)
        reason.hide()
        made = self.fields[name] = Field(caption, widget, reason, changes, show)
        return made

    def line(
        self,
        form: QFormLayout,
        path: str,
        caption: str,
        hint: str = "",
        note: QLabel | None = None,
    ) -> QLineEdit:
        """A line of text or a number; an empty one means that Slipway chooses, which its hint shows."""
        made = QLineEdit(placeholderText=hint)
        made.setMaximumWidth(NARROW if note is not None else WIDE)

        def show(report: SettingsReport) -> None:
            value = report.stored[path]
            made.setText(str(value) if value else "")
            if report.chosen[path] and not hint:
                made.setPlaceholderText(f"Automatic: {report.chosen[path]:,}")

        self.field(form, path, caption, made, lambda: {path: made.text().strip() or "null"}, show, note)
        made.textChanged.connect(self.check)
        made.returnPressed.connect(self.apply.click)
        return made

    def choice(self, form: QFormLayout, path: str, caption: str, words: Mapping[str, str]) -> QComboBox:
        """One of several values; ``words`` says what each means."""
        made = QComboBox()
        for value, text in words.items():
            made.addItem(text, value)
        made.setMaximumWidth(WIDE)

        def show(report: SettingsReport) -> None:
            made.setCurrentIndex(made.findData(report.stored[path]))

        self.field(form, path, caption, made, lambda: {path: json.dumps(made.currentData())}, show)
        made.currentIndexChanged.connect(self.check)
        return made

    def tick(self, form: QFormLayout, path: str, text: str) -> QCheckBox:
        """Yes or no."""
        made = QCheckBox(text)

        def show(report: SettingsReport) -> None:
            made.setChecked(report.stored[path])

        self.field(form, path, "", made, lambda: {path: json.dumps(made.isChecked())}, show)
        made.setAccessibleName(text)
        made.toggled.connect(self.check)
        return made

    # -- what has changed -----------------------------------------------------------------------------------------

    def changes(self) -> dict[str, str]:
        """All that has changed on this tab."""
        return {path: text for field in self.fields.values() for path, text in field.changed.items()}

    def trouble(self, field: Field) -> str:
        """Why what a field holds is not acceptable; empty when it is."""
        why = self.refusal(field.changed)
        for path in field.changed:
            if why.startswith(path):
                return field.caption + why.removeprefix(path)
        return why

    def refusal(self, changes: Mapping[str, str]) -> str:
        """Why these changes are not acceptable on this computer; empty when they are."""
        report = self.page.report
        if report is None or not changes:
            return ""
        try:
            after = with_values(from_json(report.stored), changes)
            after.resolved(report.host_cpus, report.host_memory_mib)
        except SettingsError as error:
            return f"{error.message}. {error.hint}".strip()
        return ""

    def check(self) -> bool:
        """Mark what is not acceptable; tells whether there is something to apply, and all of it is."""
        fine = True
        for field in self.fields.values():
            why = self.trouble(field)
            fine = fine and not why
            if field.reason.text() != why:
                field.refuse(why)
        changes = self.changes()
        restart = self.page.running and applies(changes) is Applies.RESTART
        refused = self._refusal is not None and self._refusal[0] == changes
        ready = fine and bool(changes) and not refused
        self.apply.setText("Apply and restart" if restart else "Apply")
        self.apply.setAccessibleName(self.apply.text())
        self.apply.setEnabled(ready)
        self.later.setVisible(restart)
        self.later.setEnabled(ready)
        self.discard_button.setEnabled(bool(changes))
        self._tell(self._refusal[1] if refused and self._refusal else None, restart)
        return ready

    def _tell(self, refused: UserError | None, restart: bool) -> None:
        if refused is not None:
            text = f"{refused.message}. {refused.hint}".strip()
        else:
            text = "The machine restarts for this, which stops its containers." if restart else ""
        self.note.setText(text)
        self.note.setToolTip(refused.detail if refused is not None else "")
        self.note.setObjectName("muted" if refused is None else "reason")
        restyle(self.note)

    def discard(self) -> None:
        """Put everything back to what the settings have."""
        if self.page.report is not None:
            self.show_report(self.page.report, anew=True)

    def show_report(self, report: SettingsReport, *, anew: bool = False) -> None:
        """Put the settings into the fields; what has been typed stays, unless ``anew``."""
        for field in self.fields.values():
            if not anew and field.changed:
                continue
            field.show(report)
            field.shown = field.changes()
        self.check()

    def _apply(self, *, restart: bool) -> None:
        if self.check():
            self.apply.setEnabled(False)
            self.page.apply(self.changes(), restart=restart, done=self._applied, failed=self._refused)

    def _applied(self) -> None:
        for field in self.fields.values():
            field.shown = field.changes()

    def _refused(self, error: UserError) -> None:
        """By the supervisor or by dockerd: told beside the buttons until something else is to be applied."""
        self._refusal = self.changes(), error
        self.check()
