"""A form made from the schema: a card for each section of an area, and in it an editor for each setting.

A tab adds what the schema does not say: its own editors for lists and objects, and cards that are not settings.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFormLayout, QFrame, QLayout, QVBoxLayout, QWidget

from desktop.settings.fields import Field, Section
from desktop.ui.models.settings import SettingsModel
from desktop.ui.pages.settings.editors import Editor, editor
from desktop.ui.theme import GAP, PAD, SPACE
from desktop.ui.widgets.basics import card, column, label, row
from desktop.ui.words import tr

CAPTION = 150
"""Width of the captions, so that the fields of all cards are aligned."""

LINE = 30
"""Height of a caption: that of a line to type in, beside which it stands."""

TAKES_ALL = 1000
QWIDGETSIZE_MAX = 2**24 - 1
"""The greatest width of a widget that has none (QWidget's documentation)."""

Maker = Callable[[SettingsModel, Field], Editor[Any]]


class SettingsForm(QWidget):
    """The settings of one area.

    :param own: a setting's name → what makes its editor.    :param first: sections above those of the schema.
    :ivar area: which.    :ivar editors: by their paths.
    """

    def __init__(
        self,
        model: SettingsModel,
        area: str,
        own: Mapping[str, Maker] | None = None,
        first: Sequence[Section] = (),
    ) -> None:
        super().__init__()
        self.model, self.area = model, area
        self.editors: dict[str, Editor[Any]] = {}
        self.cards: dict[str, QFormLayout] = {}
        self._outer = QVBoxLayout(self)
        self._outer.setContentsMargins(0, PAD, 0, 0)
        self._outer.setSpacing(PAD)
        self._outer.addStretch(1)
        for section in first:
            self._section(section)
        for item in model.fields:
            if item.section.area == area:
                make = (own or {}).get(item.name, editor)
                self.add_editor(item.section, make(model, item))

    def add_editor(self, section: Section, made: Editor[Any]) -> None:
        """Put an editor at the end of a section, with its caption, note, help and reason."""
        self.editors[made.path] = made
        line = row(made.widget) if made.wide else row(made.widget, made.note, None)
        if made.widget.maximumWidth() < QWIDGETSIZE_MAX:
            line.setStretch(0, TAKES_ALL)  # up to its greatest width; the rest stays empty
        parts: list[QWidget | QLayout] = [
            line,
            made.help,
            made.reason,
            *([made.below] if made.below is not None else []),
        ]
        place = column(*parts, gap=SPACE)
        form = self._section(section)
        if made.caption:
            words = label(made.caption)
            words.setBuddy(made.widget)
            words.setMinimumWidth(CAPTION)
            words.setFixedHeight(LINE)
            form.addRow(words, place)
        else:
            form.addRow(place)
        made.begin()

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        reached = [leaf for leaf in _leaves(self._outer) if leaf.focusPolicy() & Qt.FocusPolicy.TabFocus]
        for one, other in pairwise(reached):  # as they are seen, not as they were made
            QWidget.setTabOrder(one, other)

    def add_card(self, frame: QWidget, *, first: bool = False) -> None:
        """Put a card that is not of settings below the others, or above them."""
        self._outer.insertWidget(0 if first else self._outer.count() - 1, frame)

    def _section(self, section: Section) -> QFormLayout:
        if section.title not in self.cards:
            form = self.cards[section.title] = QFormLayout()
            form.setHorizontalSpacing(GAP)
            form.setVerticalSpacing(GAP + SPACE)
            form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop)
            self.add_card(titled(tr(section.title), tr(section.help), form))
        return self.cards[section.title]


def titled(title: str, help: str, *parts: QWidget | QLayout | None) -> QFrame:
    """A card with its title and what it is about."""
    words = [label(help, "muted", wrap=True)] if help else []
    return card(column(label(title, "section"), *words, gap=SPACE), *parts, gap=GAP + SPACE)


def _leaves(layout: QLayout) -> Iterator[QWidget]:
    """The widgets in a layout that have no layout of their own, in its order."""
    for item in filter(None, map(layout.itemAt, range(layout.count()))):
        widget: QWidget | None = item.widget()
        inner: QLayout | None = item.layout() if widget is None else widget.layout()
        if inner is not None:
            yield from _leaves(inner)
        elif widget is not None:
            yield widget
