"""The one Qt model: rows of records under columns, with at most one level of groups, changed in place.

New rows are compared with the current ones by key, so that selection, scroll position and open groups stay. The
model itself sorts and filters its rows, thousands in one go: a QSortFilterProxyModel would call Python for each
row and each comparison.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from desktop.ui.models.filters import Facets, RecordFilter
from desktop.ui.words import tr

Index = QModelIndex | QPersistentModelIndex

ROW = Qt.ItemDataRole.UserRole
NOWHERE = QModelIndex()
HIDDEN = -1
"""The place of a hidden row."""


@dataclass(frozen=True)
class Row:
    """One line. :ivar key: identifies the object. :ivar record: the values that its columns show."""

    key: str
    record: Any
    children: tuple[Row, ...] = ()


@dataclass(frozen=True)
class Column:
    """One column.

    :ivar text: the text of a record.    :ivar sort: its sort key; the text by default.
    :ivar tip: its tooltip; the text by default.
    :ivar width: pixels; 0 takes the remaining width, which is ``least`` or more.
    :ivar rank: where space is short, columns with a higher one go first; 0: it stays.
    :ivar wanted: whether it is shown until the user decides.
    """

    title: str
    text: Callable[[Any], str]
    sort: Callable[[Any], Any] | None = None
    tip: Callable[[Any], str] | None = None
    width: int = 120
    right: bool = False
    rank: int = 0
    least: int = 140
    wanted: bool = True


@dataclass(eq=False, slots=True)
class Node:
    """A row in the tree.

    :ivar every: all rows below it.    :ivar children: the visible ones, in order.
    :ivar first, last: the columns that have changed.
    :ivar key: its sort key.    :ivar text: its searchable text. Both are computed on first use.
    """

    row: Row
    parent: Node | None
    place: int = HIDDEN
    every: list[Node] = field(default_factory=list)
    children: list[Node] = field(default_factory=list)
    first: int = 0
    last: int = 0
    key: Any = None
    text: str | None = None


class RecordModel(QAbstractItemModel):
    """Rows with columns, sorted and filtered."""

    def __init__(self, columns: Sequence[Column], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._root = Node(Row("", None), None)
        self._column, self._reverse = 0, False
        self._filter = RecordFilter()

    def update_rows(self, rows: Iterable[Row]) -> None:
        """Replace the rows; one that is the same object as before is taken as unchanged."""
        changed = self._merge(self._root, rows)
        self._arrange()
        self._notify([node for node in changed if node.place != HIDDEN])

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """Sort the rows by a column from now on; -1 keeps them in order of arrival."""
        self._column, self._reverse = column, order is Qt.SortOrder.DescendingOrder
        self.clear_caches()
        self._arrange()

    def search(self, text: str) -> None:
        """Show the rows that match the search, and the groups that contain one."""
        self._filter.search(text)
        self._arrange()

    def keep(self, test: Callable[[Any], bool]) -> None:
        """Show only records that pass the test."""
        self._filter.keep = test
        self._arrange()

    def search_in(self, text: Callable[[Any], str]) -> None:
        """Set the searchable text of a record."""
        self._filter.text = text

    def facets_in(self, names: Iterable[str], facets: Callable[[Any], Facets]) -> None:
        """See :meth:`RecordFilter.facets_in`."""
        self._filter.facets_in(names, facets)

    @property
    def searching(self) -> bool:
        """Whether a search is active."""
        return self._filter.searching

    def clear_caches(self) -> None:
        """Compute sort keys and searchable texts again: they changed although the records did not."""
        for parent in (self._root, *self._root.every):
            for node in parent.every:
                node.key = node.text = None

    def row_of(self, index: Index) -> Row:
        """The row at an index."""
        return self._node(index).row

    def groups(self, first: int = 0, last: int | None = None) -> list[QModelIndex]:
        """The groups among the rows at these places."""
        shown = self._root.children[first:] if last is None else self._root.children[first : last + 1]
        return [self._index(node) for node in shown if node.children]

    def rows(self) -> list[Row]:
        """All top-level rows, hidden ones included."""
        return [node.row for node in self._root.every]

    # -- changing -------------------------------------------------------------------------------------------------

    def _merge(self, parent: Node, rows: Iterable[Row]) -> list[Node]:
        """Merge new rows in and return the changed nodes; Qt is not notified yet."""
        new = {row.key: row for row in rows}
        kept = [node for node in parent.every if node.row.key in new]
        changed: list[Node] = []
        for node in kept:
            row = new.pop(node.row.key)
            if row is not node.row:
                changed += self._change(node, row)
        parent.every = [*kept, *(_node(row, parent) for row in new.values())]
        return changed

    def _change(self, node: Node, row: Row) -> list[Node]:
        before, node.row = node.row, row
        changed = self._merge(node, row.children) if before.children or row.children else []
        if before.record is row.record or before.record == row.record:
            return changed
        node.key = node.text = None
        shown = [
            number
            for number, column in enumerate(self.columns)
            if column.text(before.record) != column.text(row.record)
            or (column.sort is not None and column.sort(before.record) != column.sort(row.record))
        ]
        node.first, node.last = (shown[0], shown[-1]) if shown else (0, 0)
        return [*changed, node]

    def _notify(self, changed: list[Node]) -> None:
        """Send one signal for each run of adjacent rows, limited to the columns that have changed."""
        by_parent: dict[Node, list[Node]] = {}
        for node in changed:
            assert node.parent is not None
            by_parent.setdefault(node.parent, []).append(node)
        for parent, nodes in by_parent.items():
            if parent is self._root or parent.place != HIDDEN:
                for run in _runs(sorted(nodes, key=lambda node: node.place)):
                    first, last = min(node.first for node in run), max(node.last for node in run)
                    at = self._index(parent)
                    self.dataChanged.emit(self.index(run[0].place, first, at), self.index(run[-1].place, last, at))

    def _arrange(self) -> None:
        """Sort and filter: groups first, since a group is shown when one of its rows is."""
        groups = [node for node in self._root.every if node.every or node.children]
        moves = []
        for parent in (*groups, self._root):
            if self._column >= 0:
                parent.every.sort(key=self._key, reverse=self._reverse)
            wanted = [node for node in parent.every if node.children or self._fits(node)]
            if wanted != parent.children and self._exchange(parent, wanted):
                moves.append((parent, wanted))
        if moves:
            self._move(moves)

    def _exchange(self, parent: Node, wanted: list[Node]) -> bool:
        """Remove and insert rows so that exactly ``wanted`` are shown; return whether they have to be reordered.

        Rows to remove are moved to the end first, and new rows are appended: one signal for each, not one a row.
        """
        if parent is not self._root and parent.place == HIDDEN:  # the group itself is not shown
            _place(parent, wanted)
            return False
        staying = set(wanted)
        kept = [node for node in parent.children if node in staying]
        gone = [node for node in parent.children if node not in staying]
        if gone:
            if gone[-1].place - gone[0].place >= len(gone):
                self._move([(parent, kept + gone)])
            self.beginRemoveRows(self._index(parent), gone[0].place, gone[-1].place)
            _place(parent, kept)
            self.endRemoveRows()
        new = [node for node in wanted if node.place == HIDDEN]
        if new:
            first = len(parent.children)
            self.beginInsertRows(self._index(parent), first, first + len(new) - 1)
            _place(parent, parent.children + new)
            self.endInsertRows()
        return parent.children != wanted

    def _move(self, moves: list[tuple[Node, list[Node]]]) -> None:
        self.layoutAboutToBeChanged.emit()
        before = self.persistentIndexList()
        for parent, ordered in moves:
            _place(parent, ordered)
        after = [self.createIndex(self._node(index).place, index.column(), self._node(index)) for index in before]
        self.changePersistentIndexList(before, after)
        self.layoutChanged.emit()

    def _key(self, node: Node) -> Any:
        if node.key is None:
            column, record = self.columns[self._column], node.row.record
            node.key = column.sort(record) if column.sort else column.text(record).casefold()
        return node.key

    def _fits(self, node: Node) -> bool:
        chosen, record = self._filter, node.row.record
        return chosen.keep(record) and (not chosen.searching or chosen.matches(record, self._text(node)))

    def _text(self, node: Node) -> str:
        if node.text is None:
            node.text = self._filter.text(node.row.record).casefold()
        return node.text

    # -- Qt's interface -------------------------------------------------------------------------------------------

    def _node(self, index: Index) -> Node:
        node = index.internalPointer() if index.isValid() else self._root
        assert isinstance(node, Node)
        return node

    def _index(self, node: Node) -> QModelIndex:
        return QModelIndex() if node is self._root else self.createIndex(node.place, 0, node)

    def index(self, row: int, column: int, parent: Index = NOWHERE) -> QModelIndex:
        nodes = self._node(parent).children
        if 0 <= row < len(nodes) and 0 <= column < len(self.columns):
            return self.createIndex(row, column, nodes[row])
        return QModelIndex()

    def parent(self, index: Index = NOWHERE) -> Any:  # Qt overloads it with QObject.parent()
        if not index.isValid():
            return QModelIndex()
        above = self._node(index).parent
        return QModelIndex() if above is None else self._index(above)

    def rowCount(self, parent: Index = NOWHERE) -> int:
        return 0 if parent.column() > 0 else len(self._node(parent).children)

    def hasChildren(self, parent: Index = NOWHERE) -> bool:
        return parent.column() <= 0 and bool(self._node(parent).children)

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
            return f"{tr(column.title)}: {column.text(row.record) or tr('none')}"
        if role == Qt.ItemDataRole.TextAlignmentRole and column.right:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return tr(self.columns[section].title)
        if role == Qt.ItemDataRole.TextAlignmentRole and self.columns[section].right:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None


def _place(parent: Node, shown: list[Node]) -> None:
    """Make these the visible rows of ``parent``, in this order."""
    for node in parent.children:
        node.place = HIDDEN
    for place, node in enumerate(shown):
        node.place = place
    parent.children = shown


def _runs(nodes: Sequence[Node]) -> list[list[Node]]:
    """Group nodes, which are in order, into runs of adjacent places."""
    runs: list[list[Node]] = []
    for node in nodes:
        if runs and runs[-1][-1].place == node.place - 1:
            runs[-1].append(node)
        else:
            runs.append([node])
    return runs


def _node(row: Row, parent: Node) -> Node:
    node = Node(row, parent)
    node.every = [_node(child, node) for child in row.children]
    return node
