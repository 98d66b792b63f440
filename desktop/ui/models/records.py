"""The one Qt model: rows of records under columns, with at most one level of groups, changed in place.

A new list is compared with the old one by key, so that selection, scroll position and open groups stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import (
    QAbstractItemModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
)

Index = QModelIndex | QPersistentModelIndex

ROW = Qt.ItemDataRole.UserRole
SORT = Qt.ItemDataRole.UserRole + 1
NOWHERE = QModelIndex()


@dataclass(frozen=True)
class Row:
    """One line. :ivar key: the same for the same object for ever. :ivar record: what it shows."""

    key: str
    record: Any
    children: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Column:
    """One column.

    :ivar text: what is shown of a record.    :ivar sort: what it is ordered by; the text by default.
    :ivar tip: a tooltip; the text by default.    :ivar width: pixels; 0 takes what is left.
    """

    title: str
    text: Callable[[Any], str]
    sort: Callable[[Any], Any] | None = None
    tip: Callable[[Any], str] | None = None
    width: int = 120
    right: bool = False


@dataclass
class Node:
    """A row in its place. :ivar first, last: the columns in which it has changed."""

    row: Row
    parent: Node | None
    place: int = 0
    children: list[Node] = field(default_factory=list)
    first: int = 0
    last: int = 0


class RecordModel(QAbstractItemModel):
    """Rows under columns."""

    def __init__(self, columns: Sequence[Column], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._root = Node(Row("", None), None)

    def update_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows from now on."""
        self._merge(self._root, rows, NOWHERE)

    def refresh_column(self, column: int) -> None:
        """What a column shows has changed everywhere."""
        for parent, nodes in (
            (NOWHERE, self._root.children),
            *((self._index(n), n.children) for n in self._root.children),
        ):
            if nodes:
                self.dataChanged.emit(self.index(0, column, parent), self.index(len(nodes) - 1, column, parent))

    def rows(self) -> list[Row]:
        """The top-level rows."""
        return [node.row for node in self._root.children]

    # -- changing -------------------------------------------------------------------------------------------------

    def _merge(self, parent: Node, rows: Sequence[Row], at: Index) -> None:
        wanted = {row.key: row for row in rows}
        for place in reversed(range(len(parent.children))):
            if parent.children[place].row.key not in wanted:
                self.beginRemoveRows(at, place, place)
                del parent.children[place]
                self._number(parent, place)
                self.endRemoveRows()
        present = {node.row.key: node for node in parent.children}
        changed = [node for row in rows if (node := present.get(row.key)) and self._change(node, row)]
        self._tell(changed, at)
        new = [row for row in wanted.values() if row.key not in present]
        if new:
            first = len(parent.children)
            self.beginInsertRows(at, first, first + len(new) - 1)
            parent.children.extend(_node(row, parent, first + number) for number, row in enumerate(new))
            self.endInsertRows()

    def _change(self, node: Node, row: Row) -> bool:
        before, node.row = node.row, row
        if before.children or row.children:
            self._merge(node, row.children, self._index(node))
        if before.record is row.record or before.record == row.record:
            return False
        shown = [
            number
            for number, column in enumerate(self.columns)
            if column.text(before.record) != column.text(row.record)
            or (column.sort is not None and column.sort(before.record) != column.sort(row.record))
        ]
        node.first, node.last = (shown[0], shown[-1]) if shown else (0, 0)
        return True

    def _tell(self, changed: list[Node], at: Index) -> None:
        """Rows side by side share one message, and it names the columns: what orders by another has no work."""
        changed.sort(key=lambda node: node.place)
        runs: list[list[Node]] = []
        for node in changed:
            if runs and runs[-1][-1].place == node.place - 1:
                runs[-1].append(node)
            else:
                runs.append([node])
        for run in runs:
            first, last = min(node.first for node in run), max(node.last for node in run)
            self.dataChanged.emit(self.index(run[0].place, first, at), self.index(run[-1].place, last, at))

    def _number(self, parent: Node, first: int) -> None:
        for place in range(first, len(parent.children)):
            parent.children[place].place = place

    # -- what Qt asks ---------------------------------------------------------------------------------------------

    def _node(self, index: Index) -> Node:
        node = index.internalPointer() if index.isValid() else self._root
        assert isinstance(node, Node)
        return node

    def _index(self, node: Node) -> QModelIndex:
        return self.createIndex(node.place, 0, node)

    def index(self, row: int, column: int, parent: Index = NOWHERE) -> QModelIndex:
        nodes = self._node(parent).children
        if 0 <= row < len(nodes) and 0 <= column < len(self.columns):
            return self.createIndex(row, column, nodes[row])
        return QModelIndex()

    def parent(self, index: Index = NOWHERE) -> Any:  # Qt overloads it with QObject.parent()
        if not index.isValid():
            return QModelIndex()
        above = self._node(index).parent
        return QModelIndex() if above is None or above is self._root else self._index(above)

    def rowCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.column() > 0 else len(self._node(parent).children)

    def columnCount(self, parent: Index = NOWHERE) -> int:
        return len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        row, column = self._node(index).row, self.columns[index.column()]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.text(row.record)
        if role == ROW:
            return row
        if role == SORT:
            return column.sort(row.record) if column.sort else column.text(row.record).casefold()
        if role == Qt.ItemDataRole.ToolTipRole:
            return column.tip(row.record) if column.tip else column.text(row.record)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{column.title}: {column.text(row.record) or 'none'}"
        if role == Qt.ItemDataRole.TextAlignmentRole and column.right:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return self.columns[section].title
        if role == Qt.ItemDataRole.TextAlignmentRole and self.columns[section].right:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


class RecordFilter(QSortFilterProxyModel):
    """Orders by what a column says, and keeps what fits the search and the chosen filter."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._words: tuple[str, ...] = ()
        self._keep: Callable[[Any], bool] = lambda record: True
        self._text: Callable[[Any], str] = str
        self._facets: Callable[[Any], dict[str, tuple[str, ...]]] | None = None
        self._names: frozenset[str] = frozenset()
        self.setRecursiveFilteringEnabled(True)
        self.setAutoAcceptChildRows(False)
        self.setSortRole(SORT)

    def search(self, text: str) -> None:
        """Keep rows that contain every word."""
        self._words = tuple(text.casefold().split())
        self.invalidateRowsFilter()

    def keep(self, test: Callable[[Any], bool]) -> None:
        """Keep records that pass the test."""
        self._keep = test
        self.invalidateRowsFilter()

    def search_in(self, text: Callable[[Any], str]) -> None:
        """What of a record is searched."""
        self._text = text

    def facets_in(self, names: Iterable[str], facets: Callable[[Any], dict[str, tuple[str, ...]]]) -> None:
        """What of a record ``name=value`` looks at, where ``name`` is one of the names."""
        self._names, self._facets = frozenset(names), facets

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:
        found = self.sourceModel().index(row, 0, parent).data(ROW)
        if found.record is None or not self._keep(found.record):
            return False
        return not self._words or self._fits(found.record)

    def _fits(self, record: Any) -> bool:
        text = self._text(record).casefold()
        for word in self._words:
            name, equals, value = word.partition("=")
            if equals and self._facets is not None and name in self._names:
                if not any(value in item.casefold() for item in self._facets(record).get(name, ())):
                    return False
            elif word not in text:
                return False
        return True

    def lessThan(self, left: Index, right: Index) -> bool:
        one, other = left.data(SORT), right.data(SORT)
        return bool(one < other)


def _node(row: Row, parent: Node, place: int) -> Node:
    node = Node(row, parent, place)
    node.children = [_node(child, node, number) for number, child in enumerate(row.children)]
    return node
