"""The search over all tabs: by titles, helps, names on the command line, and the words of cards and buttons."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QFrame, QLabel, QPushButton, QVBoxLayout, QWidget

from desktop.ui.models.records import Column, Row
from desktop.ui.pages.settings.editors import Editor
from desktop.ui.pages.settings.form import SettingsForm
from desktop.ui.theme import GAP, PAD
from desktop.ui.widgets.basics import SearchField, label, local_key
from desktop.ui.widgets.table import Table
from desktop.ui.words import mark, tr

NAMES = {"card", "danger"}
"""Of the frames that are cards."""


@dataclass(frozen=True)
class Find:
    """One thing to find.

    :ivar tab: the tab's key.    :ivar where: its title, and that of the card.    :ivar text: all that is searched.
    :ivar widget: what gets the focus.
    """

    place: int
    title: str
    tab: str
    where: str
    text: str
    widget: QWidget

    def score(self, words: Sequence[str]) -> int:
        """2 if the title has all the words, 1 if the rest has them, 0 if there is one that is nowhere."""
        if all(word in self.title.casefold() for word in words):
            return 2
        return int(all(word in self.text for word in words))


COLUMNS = (
    Column(mark("Setting"), lambda item: item.title, lambda item: item.place, width=0),
    Column(mark("Where"), lambda item: item.where, width=320),
)


class SearchResults(QWidget):
    """What has been found; Return in the field or in the list leads to it."""

    chosen = Signal(object)
    """A :class:`Find`."""

    def __init__(self, field: SearchField) -> None:
        super().__init__()
        self._field = field
        self.table = Table(COLUMNS, tr("What was found"))
        self.table.header().hide()
        self.table.delegate.quiet.update((1,))
        self.nothing = label(tr("No setting matches."), "muted")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, PAD, 0, 0)
        outer.setSpacing(GAP)
        outer.addWidget(self.nothing)
        outer.addWidget(self.table, 1)
        self.table.opened.connect(lambda row: self.chosen.emit(row.record))
        self.table.clicked.connect(lambda index: self.chosen.emit(self.table.records.row_of(index).record))
        field.returnPressed.connect(self._first)
        local_key(field, "Down", self._into_the_list)

    def look(self, text: str, finds: Sequence[Find]) -> None:
        """Show what a text finds, titles first."""
        words = text.casefold().split()
        scored = [(-find.score(words), find.place, find) for find in finds if find.score(words)]
        found = [find for _, _, find in sorted(scored, key=lambda one: one[:2])]
        rows = [Row(str(find.place), replace(find, place=place)) for place, find in enumerate(found)]
        self.table.records.update_rows(rows)
        self.table.setVisible(bool(rows))
        self.nothing.setVisible(not rows)
        if rows:
            self.table.choose(rows[0].key)

    def found(self) -> list[Find]:
        """What is listed."""
        return [row.record for row in self.table.visible_rows()]

    def _into_the_list(self) -> None:
        if self.table.isVisible():
            self.table.setFocus(Qt.FocusReason.ShortcutFocusReason)

    def _first(self) -> None:
        if self.isVisible() and (found := self.found()):
            self.chosen.emit(found[0])


def gather(tabs: Sequence[tuple[str, str, QWidget]]) -> list[Find]:
    """Everything to find. :param tabs: their keys, titles and contents."""
    found: list[tuple[str, str, str, str, QWidget]] = []
    for key, title, tab in tabs:
        editors = list(tab.editors.values()) if isinstance(tab, SettingsForm) else []
        for one in editors:
            found.append((one.title, key, _where(title, _card_of(one.widget)), _text_of(one), one.widget))
        shown = {card for one in editors if (card := _card_of(one.widget)) is not None}
        cards = [card for card in tab.findChildren(QFrame) if card.objectName() in NAMES and card.isEnabledTo(tab)]
        for card in (card for card in cards if card not in shown):
            target = next(_reached(card), card)
            found.append((_title(card), key, title, " ".join([title, *_texts(card)]).casefold(), target))
        for press in (press for press in tab.findChildren(QPushButton) if _card_of(press) is None):
            words = press.text().strip().removesuffix("…")
            found.append((words, key, title, f"{title} {words}".casefold(), press))
    return [Find(place, *one) for place, one in enumerate(found) if one[0]]


def _text_of(editor: Editor[Any]) -> str:
    card, widget = _card_of(editor.widget), editor.widget
    choices = [widget.itemText(place) for place in range(widget.count())] if isinstance(widget, QComboBox) else []
    words = (editor.title, editor.path, editor.help.text(), _title(card) if card is not None else "", *choices)
    return " ".join(words).casefold()


def _where(tab: str, card: QFrame | None) -> str:
    section = _title(card) if card is not None else ""
    return f"{tab}  ›  {section}" if section and section != tab else tab


def _card_of(widget: QWidget) -> QFrame | None:
    here: QWidget | None = widget
    while here is not None and here.objectName() not in NAMES:
        here = here.parentWidget()
    return here if isinstance(here, QFrame) else None


def _title(card: QFrame) -> str:
    found = card.findChild(QLabel, "section")
    return found.text() if isinstance(found, QLabel) else ""


def _texts(card: QFrame) -> Iterator[str]:
    yield from (one.text() for one in card.findChildren(QLabel))
    yield from (one.text() for one in card.findChildren(QPushButton))


def _reached(card: QFrame) -> Iterator[QWidget]:
    """What in a card can have the focus."""
    for one in card.findChildren(QWidget):
        if one.focusPolicy() & Qt.FocusPolicy.TabFocus and one.isEnabled():
            yield one
