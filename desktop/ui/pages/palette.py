"""The palette (Ctrl+K): a few letters find an object, a command, a page or a setting.

Return does what is expected of the choice, Right shows what else can be done with it, Esc goes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QDialog, QLineEdit, QVBoxLayout, QWidget

from desktop.ui.models.fuzzy import score
from desktop.ui.models.records import Column, Row
from desktop.ui.palette import Choice, Shown, gather, settings
from desktop.ui.theme import GAP, PAD
from desktop.ui.widgets.basics import label
from desktop.ui.widgets.table import Table
from desktop.ui.words import mark, tr

MOST = 50
"""Choices that are listed."""

KEYS = mark("Return: open    →: what can be done with it    Esc: close")
KEYS_OF_ACTIONS = mark("Return: do it    ←: back")


@dataclass(frozen=True)
class Ranked:
    """A choice and its place in the list."""

    place: int
    choice: Choice


COLUMNS = (
    Column(mark("Name"), lambda item: item.choice.title, lambda item: item.place, width=0),
    Column(mark("Detail"), lambda item: item.choice.detail, width=260),
    Column(mark("Kind"), lambda item: item.choice.kind, width=96),
)


def open_palette(parent: QWidget, window: Shown) -> Palette:
    """Open the palette of a window; the settings are added when they are known."""
    made = Palette(parent, gather(window))
    window.session.control(
        lambda client: client.settings(),
        lambda told: made.add(settings(window, told)),
        lambda _: None,
        owner=made,
        begin=False,
    )
    made.open()
    return made


class Palette(QDialog):
    """Closes itself before it runs a choice, so that what that opens gets the keys."""

    def __init__(self, parent: QWidget, choices: Sequence[Choice]) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.setWindowTitle(tr("Go to, or do"))
        self.setModal(True)
        self.resize(720, 440)
        self._every = self._choices = list(choices)
        self._of: Choice | None = None
        self.typed = QLineEdit(placeholderText=tr("A container, an image, a command, a setting …"))
        self.typed.setAccessibleName(tr("What to go to, or to do"))
        self.typed.installEventFilter(self)
        self.table = Table(COLUMNS, tr("What was found"))
        self.table.header().hide()
        self.table.delegate.quiet.update((1, 2))
        self.table.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.keys = label(tr(KEYS), "small")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(PAD, PAD, PAD, GAP)
        outer.setSpacing(GAP)
        for part in (self.typed, self.table, self.keys):
            outer.addWidget(part)
        self.typed.textChanged.connect(self._show)
        self.table.opened.connect(lambda _: self._run())
        self._show()
        self.typed.setFocus()

    def found(self) -> list[Choice]:
        """What is listed, the best first."""
        return [row.record.choice for row in self.table.visible_rows()]

    def add(self, choices: Sequence[Choice]) -> None:
        """Offer more."""
        self._every += choices
        if self._of is None:
            self._choices = self._every
            self._show()

    def _show(self) -> None:
        typed = self.typed.text().strip()
        scored = [(_score(typed, choice), -place, choice) for place, choice in enumerate(self._choices)]
        best = sorted((item for item in scored if item[0] is not None), key=lambda item: item[:2], reverse=True)
        rows = [Row(f"{place}", Ranked(place, choice)) for place, (_, _, choice) in enumerate(best[:MOST])]
        self.table.records.update_rows(rows)
        self.table.choose("0")

    def _chosen(self) -> Choice | None:
        rows = self.table.chosen()
        return rows[0].record.choice if rows else None

    def _run(self) -> None:
        choice = self._chosen()
        if choice is not None:
            self.accept()
            choice.run()

    def _show_actions(self) -> bool:
        choice = self._chosen()
        actions = choice.actions() if choice is not None and self._of is None else []
        if choice is None or not actions:
            return False
        self._of = choice
        self._choices = [Choice("", words, "", run) for words, run in actions]
        self._change(
            tr("{kind} “{title}”: what to do?", kind=choice.kind, title=choice.title), tr(KEYS_OF_ACTIONS)
        )
        return True

    def _back(self) -> bool:
        if self._of is None:
            return False
        self._of, self._choices = None, self._every
        self._change(tr("A container, an image, a command, a setting …"), tr(KEYS))
        return True

    def _change(self, hint: str, keys: str) -> None:
        self.typed.setPlaceholderText(hint)
        self.keys.setText(keys)
        self.typed.clear()
        self._show()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys that the field has no use for move in the list."""
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return False
        key, field = event.key(), self.typed
        if key in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._run()
            return True
        if key in (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown):
            self.table.keyPressEvent(event)
            return True
        if key == Qt.Key.Key_Right and field.cursorPosition() == len(field.text()):
            return self._show_actions()
        if key == Qt.Key.Key_Left and not field.text():
            return self._back()
        return key == Qt.Key.Key_Escape and self._back()


def _score(typed: str, choice: Choice) -> int | None:
    """The title counts; its kind and detail find it too."""
    if not typed:
        return 0
    titled = score(typed, choice.title)
    if titled is not None:
        return titled + 100
    return score(typed, f"{choice.title} {choice.kind} {choice.detail}")
