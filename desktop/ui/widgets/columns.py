"""The columns of a table: which are shown, how wide, in what order. Where space is short the least important go.

What the user changes is kept by their titles, so that it outlives columns that are added or removed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QHeaderView, QMenu, QTreeView

from desktop.ui.models.records import Column
from desktop.ui.theme import theme
from desktop.ui.words import tr

ASCENDING, DESCENDING = Qt.SortOrder.AscendingOrder, Qt.SortOrder.DescendingOrder


class Columns(QObject):
    """Decides on the columns of one table."""

    changed = Signal()
    """The user has changed something."""

    def __init__(self, table: QTreeView, columns: Sequence[Column]) -> None:
        super().__init__(table)
        self._table, self._columns = table, columns
        self._widths = [theme().scaled(item.width or item.least) for item in columns]
        self._stretch = next((number for number, item in enumerate(columns) if not item.width), None)
        self._unasked = {number for number, item in enumerate(columns) if not item.wanted}
        self._off = set(self._unasked)
        self._pinned: set[int] = set()
        self._missing: set[int] = set()
        self._fitting = True
        header = table.header()
        header.setStretchLastSection(False)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setMinimumSectionSize(48)
        header.setSectionsMovable(True)
        for number, width in enumerate(self._widths):
            header.resizeSection(number, width)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(lambda at: self.menu().popup(header.mapToGlobal(at)))
        header.sectionResized.connect(self._resized)
        header.sectionMoved.connect(self._moved)
        header.sortIndicatorChanged.connect(lambda *_: self._tell())
        self._fitting = False

    def fit(self) -> None:
        """Show what there is space for; one column takes the remaining width."""
        if self._fitting:
            return
        self._fitting = True
        header, modes = self._table.header(), QHeaderView.ResizeMode
        shown, width = self._shown(), self._table.viewport().width()
        for number in range(len(self._columns)):
            if header.isSectionHidden(number) != (number not in shown):
                header.setSectionHidden(number, number not in shown)
                if number in shown:
                    header.resizeSection(number, self._widths[number])
        if self._stretch is not None:
            others = sum(header.sectionSize(number) for number in shown if number != self._stretch)
            least = self._columns[self._stretch].least
            enough = width - others >= least
            header.setSectionResizeMode(self._stretch, modes.Stretch if enough else modes.Interactive)
            if not enough:
                header.resizeSection(self._stretch, least)
        self._fitting = False

    def _shown(self) -> set[int]:
        """Those that are wanted, without the least important ones for which there is no space."""
        shown = set(range(len(self._columns))) - self._off - self._missing
        optional = [number for number in shown - self._pinned if self._columns[number].rank]
        optional.sort(key=lambda number: self._columns[number].rank, reverse=True)
        short = sum(self._widths[number] for number in shown - {self._stretch}) - self._table.viewport().width()
        short += self._columns[self._stretch].least if self._stretch is not None else 0
        for number in optional:
            if short > 0:
                shown.discard(number)
                short -= self._widths[number]
        return shown

    def set_missing(self, column: int, missing: bool) -> None:
        """Whether a column has nothing to show now; it is not offered then."""
        if missing != (column in self._missing):
            self._missing ^= {column}
            self.fit()

    def show_column(self, column: int, shown: bool) -> None:
        """What the user wants: such a column stays where space is short."""
        (self._off.discard if shown else self._off.add)(column)
        (self._pinned.add if shown else self._pinned.discard)(column)
        self.fit()
        self.changed.emit()

    def reset(self) -> None:
        """All as at first."""
        self._off = set(self._unasked)
        self._pinned.clear()
        self._widths = [theme().scaled(item.width or item.least) for item in self._columns]
        self._fitting = True
        header = self._table.header()
        for number, width in enumerate(self._widths):
            header.moveSection(header.visualIndex(number), number)
            header.setSectionHidden(number, False)
            if number != self._stretch:
                header.resizeSection(number, width)
        self._fitting = False
        self.fit()
        self.changed.emit()

    def menu(self) -> QMenu:
        """A menu to choose columns; the first one is always shown."""
        menu = QMenu(self._table)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.fill(menu)
        return menu

    def fill(self, menu: QMenu) -> None:
        """Put the choices into a menu."""
        menu.clear()
        for number, item in enumerate(self._columns):
            if number and number not in self._missing:
                action = QAction(tr(item.title), menu, checkable=True)
                action.setChecked(not self._table.isColumnHidden(number))
                action.triggered.connect(lambda on=False, number=number: self.show_column(number, on))
                menu.addAction(action)
        menu.addSeparator()
        menu.addAction(tr("Reset the columns"), self.reset)

    # -- what is kept ---------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """What the user has changed, in values of JSON."""
        header, titles = self._table.header(), [item.title for item in self._columns]
        order = sorted(range(len(titles)), key=header.visualIndex)
        sort = header.sortIndicatorSection()
        return {
            "off": sorted(titles[number] for number in self._off),
            "on": sorted(titles[number] for number in self._pinned),
            "order": [titles[number] for number in order],
            "widths": {title: self._widths[n] for n, title in enumerate(titles) if n != self._stretch},
            "sort": titles[sort] if 0 <= sort < len(titles) else "",
            "descending": header.sortIndicatorOrder() is DESCENDING,
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Set what :meth:`state` has returned; what does not fit is passed over."""
        titles = {item.title: number for number, item in enumerate(self._columns)}
        header, self._fitting = self._table.header(), True
        self._pinned = {titles[name] for name in _names(state.get("on")) if titles.get(name)}
        self._off = {titles[name] for name in _names(state.get("off")) if titles.get(name)}
        self._off |= self._unasked - self._pinned
        for place, name in enumerate(name for name in _names(state.get("order")) if name in titles):
            header.moveSection(header.visualIndex(titles[name]), place)
        widths = state.get("widths")
        for name, width in widths.items() if isinstance(widths, dict) else ():
            if name in titles and titles[name] != self._stretch and isinstance(width, int):
                self._widths[titles[name]] = max(header.minimumSectionSize(), width)
                header.resizeSection(titles[name], self._widths[titles[name]])
        if state.get("sort") in titles:
            self._table.sortByColumn(titles[state["sort"]], DESCENDING if state.get("descending") else ASCENDING)
        self._fitting = False
        self.fit()

    def _resized(self, column: int, _: int, width: int) -> None:
        if not self._fitting and column != self._stretch and width:
            self._widths[column] = width
            self.fit()
            self._tell()

    def _moved(self) -> None:
        self._tell()

    def _tell(self) -> None:
        if not self._fitting:
            self.changed.emit()


def _names(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
