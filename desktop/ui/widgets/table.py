"""A table of records: looks, selection, and what the delegate draws (a state's dot, links)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QEvent, QModelIndex, QPersistentModelIndex, QPoint, QRect, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QContextMenuEvent, QKeyEvent, QMouseEvent, QPainter
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTreeView,
    QWidget,
)

from desktop.ui.models.records import ROW, Column, RecordFilter, RecordModel, Row
from desktop.ui.theme import ROW_HEIGHT, theme

Index = QModelIndex | QPersistentModelIndex

DOT = 8
CALM_MS = 200
NAMES = 2
"""Columns that hold names."""

TEXT_MARGIN = 6
LINKS = ", "
"""What is between the links of a cell."""


class RecordDelegate(QStyledItemDelegate):
    """Rows of one height; in one column a dot of the state's colour, in others text that is a link."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.dots: dict[int, Callable[[Any], str]] = {}
        self.links: set[int] = set()
        self.quiet: set[int] = set()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(super().sizeHint(option, index).width(), ROW_HEIGHT)

    def initStyleOption(self, option: Any, index: Index) -> None:  # Qt's stubs lack the option's members
        super().initStyleOption(option, index)
        modes = Qt.TextElideMode  # the ends of names tell them apart; of the rest the beginning says most
        option.textElideMode = modes.ElideMiddle if index.column() < NAMES else modes.ElideRight
        option.state &= ~QStyle.StateFlag.State_HasFocus
        if index.column() in self.links and index.data():
            token = "accent"
        elif index.column() in self.quiet:
            token = "muted"
        else:
            token = "text"
        for role in (option.palette.ColorRole.Text, option.palette.ColorRole.HighlightedText):
            option.palette.setColor(role, theme().colour(token))

    def paint(self, painter: QPainter, option: Any, index: Index) -> None:
        dot = self.dots.get(index.column())
        row: Row | None = index.data(ROW)
        if dot is None or row is None:
            super().paint(painter, option, index)
            return
        state = dot(row.record)
        place = QRect(option.rect)
        option.rect = place.adjusted(DOT + 10, 0, 0, 0)
        super().paint(painter, option, index)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().state_colour(state))
        painter.drawEllipse(QRect(place.left() + 8, place.center().y() - DOT // 2 + 1, DOT, DOT))
        painter.restore()


class Table(QTreeView):
    """Shows a :class:`RecordModel` through a :class:`RecordFilter`."""

    opened = Signal(object)
    linked = Signal(object, int, int)
    """Row, column, and which of the links that the text names, with commas between."""

    chosen_changed = Signal()
    scrolled = Signal()
    """Other rows may be on the screen than before; told when it is calm."""

    def __init__(self, columns: Sequence[Column], name: str, *, tree: bool = False) -> None:
        super().__init__()
        self.records = RecordModel(columns, self)
        self.filter = RecordFilter(self)
        self.filter.setSourceModel(self.records)
        self.delegate = RecordDelegate(self)
        self.menu_actions: list[QAction | None] = []
        self.setAccessibleName(name)
        self.setModel(self.filter)
        self.setItemDelegate(self.delegate)
        self.setUniformRowHeights(True)
        self.setRootIsDecorated(tree)
        self.setItemsExpandable(tree)
        self.setExpandsOnDoubleClick(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setSortingEnabled(True)
        self.setMouseTracking(True)
        self.setTabKeyNavigation(False)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        header = self.header()
        header.setStretchLastSection(False)
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setMinimumSectionSize(48)
        for number, item in enumerate(columns):
            if item.width:
                header.resizeSection(number, item.width)
            else:
                header.setSectionResizeMode(number, QHeaderView.ResizeMode.Stretch)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self._calm = QTimer(self, singleShot=True, interval=CALM_MS)
        self._calm.timeout.connect(self.scrolled)
        bar = self.verticalScrollBar()
        for moved in (
            bar.valueChanged,
            bar.rangeChanged,
            self.filter.layoutChanged,
            self.expanded,
            self.collapsed,
        ):
            moved.connect(lambda *_: self._calm.start())
        self.selectionModel().selectionChanged.connect(lambda: self.chosen_changed.emit())

    # -- what is chosen -------------------------------------------------------------------------------------------

    def chosen(self) -> list[Row]:
        """The selected rows."""
        return [index.data(ROW) for index in self.selectionModel().selectedRows()]

    def choose(self, *keys: str) -> None:
        """Select the rows with these keys."""
        selection = self.selectionModel()
        selection.clearSelection()
        for index in self._indexes():
            if index.data(ROW).key in keys:
                flags = selection.SelectionFlag.Select | selection.SelectionFlag.Rows
                selection.select(index, flags)
                selection.setCurrentIndex(index, selection.SelectionFlag.NoUpdate)

    def expand_rows(self, keys: set[str]) -> None:
        """Open groups; the others stay as the person has left them."""
        if keys:
            for number in range(self.filter.rowCount()):
                index = self.filter.index(number, 0)
                if index.data(ROW).key in keys:
                    self.expand(index)

    def visible_rows(self) -> list[Row]:
        """The rows that fit the filter, with those of groups."""
        return [index.data(ROW) for index in self._indexes()]

    def on_screen(self) -> list[Row]:
        """The rows that can be seen now."""
        found = []
        index = self.indexAt(QPoint(0, 0))
        while index.isValid() and self.visualRect(index).top() < self.viewport().height():
            found.append(index.data(ROW))
            index = self.indexBelow(index)
        return found

    def _indexes(self) -> list[QModelIndex]:
        found = []
        for number in range(self.filter.rowCount()):
            index = self.filter.index(number, 0)
            found.append(index)
            found += [self.filter.index(child, 0, index) for child in range(self.filter.rowCount(index))]
        return found

    # -- what Qt tells --------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index = self.currentIndex()
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and index.isValid():
            self.opened.emit(index.data(ROW))
            return
        super().keyPressEvent(event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        if index.isValid() and event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit(index.data(ROW))
            return
        super().mouseDoubleClickEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        index, number = self._link_at(event.position().toPoint())
        if index is not None and event.button() == Qt.MouseButton.LeftButton and not event.modifiers():
            self.linked.emit(index.data(ROW), index.column(), number)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        over = self._link_at(event.position().toPoint())[0] is not None
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        place = event.globalPos()
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            place = self.viewport().mapToGlobal(self.visualRect(self.currentIndex()).bottomLeft() + QPoint(20, 0))
        self.popup_menu().exec(place)

    def popup_menu(self) -> QMenu:
        """What can be done with what is chosen."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for action in self.menu_actions:
            if action is None:
                menu.addSeparator()
            else:
                menu.addAction(action)
        return menu

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.viewport().update()

    def _link_at(self, place: QPoint) -> tuple[QModelIndex | None, int]:
        index = self.indexAt(place)
        if not index.isValid() or index.column() not in self.delegate.links or not index.data():
            return None, 0
        metrics, left = self.fontMetrics(), self.visualRect(index).left() + TEXT_MARGIN
        texts = index.data().split(LINKS)
        for number in range(len(texts)):
            if place.x() <= left + metrics.horizontalAdvance(LINKS.join(texts[: number + 1])) + TEXT_MARGIN:
                return index, number
        return None, 0
