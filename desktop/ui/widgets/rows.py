"""Rows of text fields in a form: ports, volumes, variables. There is always an empty one at the end, for the next.

Rows that are offered have their last or first field given, and count once the user completes them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QCheckBox, QLineEdit, QToolButton, QVBoxLayout, QWidget

from desktop.ui.models.format import counted
from desktop.ui.theme import GAP, SPACE
from desktop.ui.widgets.basics import column, label, link, restyle, row, tool

Values = tuple[str, ...]


@dataclass(frozen=True)
class Field:
    """One field of each row.

    :ivar name: for screen readers, with the number of the row behind it.    :ivar hint: what a text looks like.
    """

    name: str
    hint: str


@dataclass(frozen=True)
class Offer:
    """A row to be completed. :ivar values: what is given, and empty texts.

    :ivar hints: shown in the empty fields.    :ivar fill: a text for the first of them at a click; empty: none.
    """

    values: Values
    hints: Values
    fill: str = ""


class Row(QWidget):
    """One of them. :ivar reason: what is wrong with it, shown below."""

    def __init__(self, fields: Sequence[Field], offer: Offer | None) -> None:
        super().__init__()
        self.offer = offer
        self.fields = [QLineEdit(placeholderText=each.hint) for each in fields]
        self.check: QCheckBox | None = None
        self.tools: list[tuple[QToolButton, str]] = []
        self.line = row(gap=GAP)
        for each in self.fields:
            self.line.addWidget(each, 1)
        self.reason = label("", "reason", wrap=True)
        self.reason.hide()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(SPACE)
        outer.addLayout(self.line)
        outer.addWidget(self.reason)
        if offer is not None:
            for field, value, hint in zip(self.fields, offer.values, offer.hints, strict=True):
                field.setText(value)
                field.setReadOnly(bool(value))
                field.setProperty("given", bool(value))
                field.setPlaceholderText(hint)

    @property
    def values(self) -> Values:
        """What is in it; empty texts where an offer was not taken."""
        found = tuple(field.text().strip() for field in self.fields)
        return ("",) * len(found) if self.offer is not None and found == self.offer.values else found

    def reset(self) -> None:
        """Back to what is given."""
        if self.offer is not None:
            for field, text in zip(self.fields, self.offer.values, strict=True):
                field.setText(text)

    def add_tool(self, picture: str, name: str, pressed: Callable[[], object]) -> QToolButton:
        """Add a button. :param name: what it does, without the number of the row."""
        made = tool(picture, name, pressed)
        self.tools.append((made, name))
        self.line.addWidget(made)
        return made

    def leave_place(self) -> None:
        """For a button that other rows have, so that the fields are below each other."""
        place = tool("close", "", lambda: None)
        policy = place.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        place.setSizePolicy(policy)
        place.hide()
        self.line.addWidget(place)

    def add_check(self, name: str, text: str) -> QCheckBox:
        """Add a box to tick. :param name: for screen readers."""
        self.check = QCheckBox(text)
        self.check.setProperty("name", name)
        self.line.addWidget(self.check)
        return self.check

    def number(self, number: int, fields: Sequence[Field]) -> None:
        """Name what is in it for screen readers."""
        for field, each in zip(self.fields, fields, strict=True):
            field.setAccessibleName(f"{each.name} {number}")
        for made, name in self.tools:
            made.setAccessibleName(f"{name}, row {number}")
        if self.check is not None:
            self.check.setAccessibleName(f"{self.check.property('name')} {number}")

    def tell(self, why: str) -> None:
        """Mark it with what is wrong; empty: nothing is."""
        self.reason.setText(why)
        self.reason.setVisible(bool(why))
        for field in self.fields:
            field.setProperty("invalid", bool(why))
            field.setAccessibleDescription(why)
            restyle(field)


class Rows(QWidget):
    """All rows of one kind.

    :param problem: why the values of a row cannot be used; empty: they can.
    :param furnish: adds to a new row what is special about it.
    :param fold: what the offered rows are, where they are shown only when asked for: ``variable``.
    """

    changed = Signal()

    def __init__(
        self,
        name: str,
        fields: Sequence[Field],
        problem: Callable[[Values], str],
        furnish: Callable[[Row], object] | None = None,
        fold: str = "",
    ) -> None:
        super().__init__()
        self.name = name
        self._fields = fields
        self._problem = problem
        self._furnish = furnish
        self._fold = fold
        self._offered: list[Row] = []
        self._own: list[Row] = []
        self._offers, self._mine = column(gap=SPACE), column(gap=SPACE)
        self._unfold = link("", self._show_offers)
        self._unfold.hide()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(SPACE)
        outer.addLayout(self._offers)
        outer.addWidget(self._unfold)
        outer.addLayout(self._mine)
        self._settle()

    @property
    def rows(self) -> list[Row]:
        """Those that are shown, from above."""
        return [*self._offered, *self._own]

    @property
    def filled(self) -> list[Row]:
        """Those with something in them."""
        return [one for one in self.rows if any(one.values)]

    @property
    def values(self) -> list[Values]:
        """What is in those."""
        return [one.values for one in self.filled]

    def set_values(self, values: Sequence[Values], checks: Sequence[bool] = ()) -> None:
        """Show other rows in place of the user's, and of what was offered and completed.

        :param checks: whether the box of each is ticked.
        """
        for one in list(self._own):
            self._drop(one)
        for one in self._offered:
            one.reset()
        for number, texts in enumerate(values):
            made = self._append()
            for field, text in zip(made.fields, texts, strict=True):
                field.setText(text)
            if made.check is not None and number < len(checks):
                made.check.setChecked(checks[number])
        self._settle()

    def offer(self, offers: Sequence[Offer]) -> None:
        """Offer other rows; what the user has completed stays, as a row of the user's."""
        for one in list(self._offered):
            if any(one.values):
                self._take_over(one.values)
            self._drop(one)
        for each in offers:
            self._offered.append(self._make(each))
            self._offers.addWidget(self._offered[-1])
        folded = bool(self._fold and offers)
        for one in self._offered:
            one.setVisible(not folded)
        self._unfold.setText(f"Show {counted(len(offers), self._fold)} of the image")
        self._unfold.setAccessibleName(self._unfold.text())
        self._unfold.setVisible(folded)
        self._settle()

    def check(self, *, final: bool = False) -> bool:
        """Mark the rows that cannot be used; whether there are none.

        :param final: those as well in which something is still missing.
        """
        fine = True
        for one in self.rows:
            why = self._problem(one.values) if any(one.values) else ""
            told = why if final or all(one.values) else ""
            if told != one.reason.text():
                one.tell(told)
            fine = fine and not why
        return fine

    def _show_offers(self) -> None:
        self._unfold.hide()
        for one in self._offered:
            one.show()
        self._offered[0].fields[-1].setFocus()

    def _take_over(self, values: Values) -> None:
        made = self._own[-1]
        for field, text in zip(made.fields, values, strict=True):
            field.setText(text)

    def _append(self) -> Row:
        """A row of the user's; the empty one becomes it, where there is one."""
        if self._own and not any(self._own[-1].values):
            return self._own[-1]
        made = self._make(None)
        before = self._own[-1] if self._own else None
        self._own.append(made)
        self._mine.addWidget(made)
        made.show()  # at once, so that the Tab key finds it
        if before is not None:
            _follow(before, made)
        return made

    def _make(self, offer: Offer | None) -> Row:
        made = Row(self._fields, offer)
        if self._furnish is not None:
            self._furnish(made)
        if offer is None:
            made.add_tool("close", "Remove", lambda: self._remove(made))
        elif not offer.fill:
            made.leave_place()
        else:
            empty = next(field for field, value in zip(made.fields, offer.values, strict=True) if not value)
            made.add_tool("add", f"Use {offer.fill}", lambda: empty.setText(offer.fill))
        for field in made.fields:
            field.textChanged.connect(self._settle)
        if made.check is not None:
            made.check.toggled.connect(lambda _: self.changed.emit())
        return made

    def _remove(self, one: Row) -> None:
        place = self._own.index(one)
        self._drop(one)
        self._settle()
        self._own[min(place, len(self._own) - 1)].fields[0].setFocus()

    def _drop(self, one: Row) -> None:
        for rows in (self._offered, self._own):
            if one in rows:
                rows.remove(one)
        one.hide()
        one.setParent(None)
        one.deleteLater()

    def _settle(self) -> None:
        """See to the empty row at the end, and to the names."""
        if not self._own or any(self._own[-1].values):
            self._append()
        for number, one in enumerate(self.rows, 1):
            one.number(number, self._fields)
            for made, name in one.tools:
                if name == "Remove":  # the empty one has nothing to remove; its place stays, so that nothing jumps
                    made.setEnabled(one is not self._own[-1])
        self.check()
        self.changed.emit()


def _follow(before: Row, after: Row) -> None:
    """The Tab key goes on from one row to the next."""
    last: QWidget = before.tools[-1][0]
    for widget in (*after.fields, after.check, *(made for made, _ in after.tools)):
        if widget is not None:
            QWidget.setTabOrder(last, widget)
            last = widget
