"""The panel beside a list: what the selected row is, and what can be done with it.

It is closed by its button or Esc, and stays closed until it is asked for again; that and its width are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PySide6.QtCore import QSettings, QSize, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QScrollArea,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from desktop.ui.memory import keep, recall
from desktop.ui.models.facts import Described, Fact
from desktop.ui.theme import GAP, PAD, SPACE
from desktop.ui.widgets.basics import Elided, action_tool, fill, label, link, row, tool

WIDTH, LEAST, LIST_LEAST = 340, 280, 520
"""Pixels: of the panel at first, and at the least, and what is left for the list."""

SMALL = QSize(16, 16)
LINE = 24
"""The height of one line of a fact, that of a link."""

MOST_LINKS = 6
"""Links of one fact; how many more there are is said."""


class Facts(QWidget):
    """Names and values below each other. Only what has changed is made again, so that the focus stays."""

    followed = Signal(str, int)
    """A link: the name of its fact, and its number."""

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[str, tuple[Fact, QWidget, QWidget]] = {}
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(PAD)
        self._grid.setVerticalSpacing(0)
        self._grid.setColumnStretch(1, 1)

    def show_facts(self, facts: Sequence[Fact]) -> None:
        """Show these, without those that have nothing to say."""
        found = [fact for fact in facts if fact.text or fact.links]
        before, self._rows = self._rows, {}
        if found == [fact for fact, _, _ in before.values()]:
            self._rows = before
            return
        for fact in found:
            old, name, value = before.pop(fact.name, (None, None, None))
            if name is None:
                name = label(fact.name, "muted")
                name.setFixedHeight(LINE)
            if isinstance(value, Elided) and not fact.links:
                value.set_full(fact.text)
            elif value is None or old != fact:
                _discard(value)
                value = self._value(fact)
            self._rows[fact.name] = fact, name, value
        for _, name, value in before.values():
            _discard(name)
            _discard(value)
        while self._grid.takeAt(0) is not None:
            pass  # what was in it is put where it belongs now
        for number, (_, name, value) in enumerate(self._rows.values()):
            self._grid.addWidget(name, number, 0, Qt.AlignmentFlag.AlignTop)
            self._grid.addWidget(value, number, 1)

    def _value(self, fact: Fact) -> QWidget:
        if not fact.links:
            made = Elided(fact.text)
            made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
            made.setFixedHeight(LINE)
            made.setContentsMargins(SPACE + 1, 0, 0, 0)  # as links, which have a frame for the focus
            return made
        holder = QWidget()
        links = fill(QVBoxLayout(holder), gap=0)
        for number, words in enumerate(fact.links[:MOST_LINKS]):
            links.addLayout(row(link(words, partial(self.followed.emit, fact.name, number)), None))
        if len(fact.links) > MOST_LINKS:
            links.addWidget(label(f"and {len(fact.links) - MOST_LINKS} more", "muted"))
        return holder


class Scrolled(QScrollArea):
    """Scrolls where space is short, and takes no more than it needs."""

    def __init__(self, inner: QWidget) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it follows the focus of what is in it
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.setMinimumHeight(2 * LINE)
        self.setWidget(inner)

    def sizeHint(self) -> QSize:
        return self.widget().sizeHint()


def _discard(widget: QWidget | None) -> None:
    if widget is not None:
        widget.hide()
        widget.deleteLater()


class SidePanel(QFrame):
    """Beside a list. :ivar wanted: whether the user wants it.    :ivar body: what a page adds below the facts."""

    closed = Signal()
    changed = Signal()
    """It is wanted, or no longer."""

    def __init__(self, name: str, memory: QSettings, body: QWidget | None = None) -> None:
        """:param name: of the list, to keep its width by."""
        super().__init__()
        self.setObjectName("card")
        self.setMinimumWidth(LEAST)
        self.setAccessibleName("Side panel")
        self._memory, self._key = memory, f"side/{name}"
        kept = recall(memory, self._key)
        width = kept.get("width")
        self._width = width if isinstance(width, int) else WIDTH
        self.wanted = kept.get("wanted") is not False
        self.title, self.state, self.facts = Elided("", "section"), Elided("", "muted"), Facts()
        self.body = body
        self.close_button = tool("close", "Close the side panel (Esc)", self.dismiss)
        self.actions_row = fill(QHBoxLayout(), gap=2)
        self.actions_row.addStretch(1)
        self._scrolled = Scrolled(self.facts)
        head = row(self.title, self.close_button)
        outer = fill(QVBoxLayout(self), head, self.state, self.actions_row, self._scrolled)
        outer.setContentsMargins(PAD, GAP, PAD, GAP)
        if body is not None:
            outer.addWidget(body, 1)
        else:
            outer.addStretch(1)
        self._parts = QSplitter(Qt.Orientation.Horizontal)
        self._parts.setObjectName("apart")
        self._parts.setHandleWidth(GAP)
        self._parts.setChildrenCollapsible(False)
        self._parts.splitterMoved.connect(self._keep_width)
        self.hide()

    def beside(self, view: QWidget) -> QSplitter:
        """Put it at the right of a list."""
        self._parts.addWidget(view)
        self._parts.addWidget(self)
        self._parts.setStretchFactor(0, 1)
        return self._parts

    def add_action(self, action: QAction) -> None:
        """Offer an operation on what is shown; it is there while it is enabled."""
        made = action_tool(action)
        made.setIconSize(SMALL)
        action.changed.connect(lambda: made.setVisible(action.isEnabled()))
        made.setVisible(action.isEnabled())
        self.actions_row.insertWidget(self.actions_row.count() - 1, made)

    def show_object(self, described: Described) -> None:
        """Show what a row is."""
        self.title.set_full(described.title)
        self.state.set_full(described.state)
        self.state.setVisible(bool(described.state))
        self.facts.show_facts(described.facts)
        self._scrolled.updateGeometry()

    @property
    def fits(self) -> bool:
        """Whether there is space for it beside the list."""
        return self._parts.width() >= LEAST + LIST_LEAST

    def place(self, *, shown: bool) -> None:
        """Show it, if it is wanted and there is space."""
        shown = shown and self.wanted and self.fits
        if shown == self.isVisibleTo(self._parts):
            return
        self.setVisible(shown)
        if shown:
            width = min(self._width, self._parts.width() - LIST_LEAST)
            self._parts.setSizes([self._parts.width() - width, width])

    def dismiss(self) -> None:
        """Close it until it is asked for again."""
        self.want(wanted=False)
        self.closed.emit()

    def want(self, *, wanted: bool) -> None:
        """Whether the user wants it from now on."""
        if wanted != self.wanted:
            self.wanted = wanted
            self._keep()
            self.changed.emit()

    def _keep_width(self) -> None:
        self._width = self.width()
        self._keep()

    def _keep(self) -> None:
        keep(self._memory, self._key, {"width": self._width, "wanted": self.wanted})
