"""The one Qt model: rows of records under columns, with at most one level of groups, changed in place.

A new list is compared with the old one by key, so that selection, scroll position and open groups stay. The model
keeps its rows in order: Python sorts thousands at once, where a proxy of Qt's would call it for each comparison.
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


@dataclass(eq=False)
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
        self._column, self._reverse = 0, False

    def update_rows(self, rows: Sequence[Row]) -> None:
        """Show these rows from now on."""
        self._merge(self._root, rows, NOWHERE)
        self._put_in_order()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Order the rows by what a column says, from now on; without one they stay in the order they came in."""
        self._column, self._reverse = column, order is Qt.SortOrder.DescendingOrder
        self._put_in_order()

    def row_at(self, place: int, parent: Index) -> Row:
        """A row by its place."""
        return self._node(parent).children[place].row

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
        gone = [node for node in parent.children if node.row.key not in wanted]
        for run in reversed(_runs(gone)):
            first, last = run[0].place, run[-1].place
            self.beginRemoveRows(at, first, last)
            del parent.children[first : last + 1]
            _number(parent, first)
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
        for run in _runs(sorted(changed, key=lambda node: node.place)):
            first, last = min(node.first for node in run), max(node.last for node in run)
            self.dataChanged.emit(self.index(run[0].place, first, at), self.index(run[-1].place, last, at))

    def _put_in_order(self) -> None:
        """Move what is not in its place; nothing is told when everything is."""
        if self._column < 0:
            return
        moved = [
            (parent, ordered)
            for parent in (self._root, *self._root.children)
            if (ordered := sorted(parent.children, key=self._key, reverse=self._reverse)) != parent.children
        ]
        if not moved:
            return
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        for parent, ordered in moved:
            parent.children = ordered
            _number(parent, 0)
        after = [self.createIndex(self._node(index).place, index.column(), self._node(index)) for index in before]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _key(self, node: Node) -> Any:
        column, record = self.columns[self._column], node.row.record
        return column.sort(record) if column.sort else column.text(record).casefold()

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
    """Keeps what fits the search and the chosen filter; a group fits when something in it does."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._words: tuple[str, ...] = ()
        self._keep: Callable[[Any], bool] = lambda record: True
        self._text: Callable[[Any], str] = str
        self._facets: Callable[[Any], dict[str, tuple[str, ...]]] | None = None
        self._names: frozenset[str] = frozenset()

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
        records = self.sourceModel()
        assert isinstance(records, RecordModel)
        found = records.row_at(row, parent)
        return self._accepts(found.record) or any(self._accepts(child.record) for child in found.children)

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """The model itself does it."""
        self.sourceModel().sort(column, order)

    def _accepts(self, record: Any) -> bool:
        return record is not None and self._keep(record) and (not self._words or self._fits(record))

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


def _number(parent: Node, first: int) -> None:
    for place in range(first, len(parent.children)):
        parent.children[place].place = place


def _runs(nodes: Sequence[Node]) -> list[list[Node]]:
    """Nodes in order of their places, those side by side together."""
    runs: list[list[Node]] = []
    for node in nodes:
        if runs and runs[-1][-1].place == node.place - 1:
            runs[-1].append(node)
        else:
            runs.append([node])
    return runs


def _node(row: Row, parent: Node, place: int) -> Node:
    node = Node(row, parent, place)
    node.children = [_node(child, node, number) for number, child in enumerate(row.children)]
    return node
