"""Editors: one setting, or one member of an object, as a widget that follows the model and changes its draft.

An editor writes its widget only when the draft says something else than the widget, so typing is never disturbed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, Generic, TypeVar

from PySide6.QtWidgets import QCheckBox, QComboBox, QLabel, QLayout, QLineEdit, QWidget

from desktop.settings.fields import Field, Kind
from desktop.ui.models.settings import SettingsModel
from desktop.ui.widgets.basics import label, restyle
from desktop.ui.words import tr

W = TypeVar("W", bound=QWidget)

WIDE, NARROW = 420, 160
PADDING = 32
"""Of a field, left and right of its text."""
INDENT = 24
"""Of the help below a check box, so that it stands below its words."""


class Editor(ABC, Generic[W]):
    """What all editors do; a kind of editor says what its widget holds and how it shows a value.

    :ivar path: what it edits.    :ivar caption: beside the widget; empty when the widget has its own words.
    :ivar note: after the widget.    :ivar help: below it.    :ivar reason: below it, why it cannot be saved.
    :ivar below: more that belongs to it, such as buttons.    :cvar wide: it takes all the width there is.
    """

    wide = False

    def __init__(self, model: SettingsModel, path: str, title: str, widget: W, *, help: str = "") -> None:
        self.model, self.path, self.title, self.widget = model, path, title, widget
        self.caption = title
        self.note = label("", "muted")
        self.below: QWidget | QLayout | None = None
        self.help = label(help, "small", wrap=True)
        if not help:
            self.help.hide()
        self.reason: QLabel = label("", "reason", wrap=True)
        self.reason.hide()
        self._showing = False
        widget.setAccessibleName(title)
        model.changed.connect(self.refresh)

    @abstractmethod
    def value(self) -> Any:
        """What the widget holds; None for nothing."""

    @abstractmethod
    def show(self, value: Any) -> None:
        """Put a value into the widget."""

    def edited(self, *_: object) -> None:
        """Take over what the user has changed in the widget."""
        if not self._showing:
            self.model.set(self.path, self.value())

    def matches(self) -> bool:
        """Whether the widget says what the draft has."""
        return self.model.holds(self.path, self.value())

    def begin(self) -> None:
        """Show the draft for the first time."""
        self._put()
        self.refresh()

    def refresh(self) -> None:
        """Show what the model has now."""
        if not self.matches():
            self._put()
        self.widget.setEnabled(self.model.editable(self.path))
        text = self.model.error(self.path, self.title)
        if text != self.reason.text():
            self.reason.setText(text)
            self.reason.setVisible(bool(text))
            self.widget.setProperty("invalid", bool(text))
            self.widget.setAccessibleDescription(text)
            restyle(self.widget)

    def _put(self) -> None:
        self._showing = True
        self.show(self.model.value(self.path))
        self._showing = False


class FlagEditor(Editor[QCheckBox]):
    """Yes or no."""

    def __init__(self, model: SettingsModel, item: Field) -> None:
        super().__init__(model, item.name, tr(item.title), QCheckBox(tr(item.title)), help=tr(item.help))
        self.caption = ""
        self.help.setIndent(INDENT)
        self.widget.toggled.connect(self.edited)

    def value(self) -> bool:
        return self.widget.isChecked()

    def show(self, value: Any) -> None:
        self.widget.setChecked(bool(value))


class ChoiceEditor(Editor[QComboBox]):
    """One of several values, each with its meaning."""

    def __init__(self, model: SettingsModel, item: Field) -> None:
        super().__init__(model, item.name, tr(item.title), QComboBox(), help=tr(item.help))
        for value, words in item.choices.items():
            self.widget.addItem(tr(words), value)
        self.widget.setMaximumWidth(WIDE)
        self.widget.currentIndexChanged.connect(self.edited)

    def value(self) -> str:
        return str(self.widget.currentData())

    def show(self, value: Any) -> None:
        self.widget.setCurrentIndex(self.widget.findData(value))


class LineEditor(Editor[QLineEdit]):
    """One line; Enter applies the draft."""

    def __init__(self, model: SettingsModel, path: str, title: str, *, example: str = "", help: str = "") -> None:
        super().__init__(model, path, title, QLineEdit(placeholderText=example), help=help)
        self.widget.setMaximumWidth(WIDE)
        self.widget.textChanged.connect(self.edited)
        self.widget.returnPressed.connect(lambda: model.apply(restart=True))

    def value(self) -> Any:
        return self.widget.text().strip() or None

    def show(self, value: Any) -> None:
        self.widget.setText(str(value or ""))


class NumberEditor(LineEditor):
    """A whole number with its unit; an empty line means the default, which it shows."""

    def __init__(self, model: SettingsModel, item: Field) -> None:
        super().__init__(model, item.name, tr(item.title), help=tr(item.help))
        self._item = item
        self.widget.setMaximumWidth(NARROW)
        self.refresh_note()
        model.changed.connect(self.refresh_note)
        self.widget.editingFinished.connect(self.refresh)

    def value(self) -> Any:
        text = self.widget.text().strip()
        return self._item.parse(text) if text else None

    def matches(self) -> bool:
        """An empty line stays empty while the user is in it; after that it shows the default it stands for."""
        empty = not self.widget.text() and not self._item.automatic
        return super().matches() and (not empty or self.widget.hasFocus())

    def show(self, value: Any) -> None:
        self.widget.setText("" if self._item.automatic and not value else str(value))

    def refresh_note(self) -> None:
        """Say how much there is, and what an empty line means."""
        item, size = self._item, self.model.size
        most = item.available(size) if item.available and size else None
        unit = tr(item.unit)
        self.note.setText(unit if most is None else tr("of {most} {unit}", most=f"{most:,}", unit=unit))
        word = tr("Automatic") if item.automatic else tr("Default")
        default = self.model.automatic.get(item.name, item.default)
        words = f"{word}: {default:,}" if default else word
        self.widget.setPlaceholderText(words)
        self.widget.setMaximumWidth(max(NARROW, self.widget.fontMetrics().horizontalAdvance(words) + PADDING))


def editor(model: SettingsModel, item: Field) -> Editor[Any]:
    """The editor for a setting's kind.

    :raise LookupError: there is none for lists and objects; a tab brings its own.
    """
    match item.kind:
        case Kind.FLAG:
            return FlagEditor(model, item)
        case Kind.CHOICE:
            return ChoiceEditor(model, item)
        case Kind.NUMBER:
            return NumberEditor(model, item)
        case Kind.TEXT:
            return LineEditor(model, item.name, tr(item.title), example=tr(item.example), help=tr(item.help))
    raise LookupError(f"{item.name} needs an editor of its own")
