"""A table of records: appearance, selection, and cells with state dots and links."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, cast

from PySide6.QtCore import (
    QEvent,
    QModelIndex,
    QPersistentModelIndex,
    QPoint,
    QRect,
    QRectF,
    QSize,
    Qt,
    QTimer,
    Signal,
)
from PySide6.QtGui import (
    QAction,
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QFontMetrics,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QResizeEvent,
)
from PySide6.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QToolTip,
    QTreeView,
    QWidget,
)

from desktop.ui.models.records import Column, RecordModel, Row
from desktop.ui.theme import ROW_HEIGHT, theme
from desktop.ui.widgets.columns import Columns
from desktop.ui.widgets.rowactions import RowAction, RowActions
from desktop.ui.widgets.trend import draw_trend

Index = QModelIndex | QPersistentModelIndex

DOT = 8
SETTLE_MS = 200
"""Milliseconds without scrolling until :attr:`Table.scrolled` is emitted."""

AGES_MS = 30_000
"""Milliseconds between updates of texts such as “3 minutes ago”."""

NAMES = 2
"""Columns that hold names, from the left."""

TEXT_MARGIN = 8
"""As in the header's sections (assets/themes/window.qss)."""

HOVERED = QStyle.StateFlag.State_MouseOver.value
GROUNDED = (QStyle.StateFlag.State_Selected | QStyle.StateFlag.State_MouseOver).value
LEFT, RIGHT = (
    (Qt.AlignmentFlag.AlignVCenter | side).value | Qt.TextFlag.TextSingleLine.value
    for side in (Qt.AlignmentFlag.AlignLeft, Qt.AlignmentFlag.AlignRight)
)
NO_MODIFIER, KEYPAD = Qt.KeyboardModifier.NoModifier, Qt.KeyboardModifier.KeypadModifier
STEPS = (Qt.Key.Key_Down, Qt.Key.Key_Up)
MOVES = (*STEPS, Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_PageDown, Qt.Key.Key_PageUp)
"""Keys that move the current row."""

BEFORE_OFFER = "   "
OFFER = -1
"""Its number among a cell's links."""

LINKS = ", "
"""The separator of the links of a cell."""

CHIP_HEIGHT, CHIP_MARGIN = 20, 7
TREND_MARGIN = 7


class RecordDelegate(QStyledItemDelegate):
    """Draws rows of one height, with dots in the colour of a state, links and muted text.

    It paints the cells itself, because Qt's delegate calls the model eight times for each.

    :ivar dots: column → the state of a record.    :ivar links: columns of links.    :ivar quiet: muted columns.
    :ivar chips: columns whose links are drawn apart, as far as there is space.
    :ivar offers: column → the words of a link after the text; empty for none.
    :ivar actions: those of the row under the mouse.
    :ivar trends: column → the values of a line in place of the text, which says the same in words; and the least
    value at the upper edge.
    """

    def __init__(self, records: RecordModel, parent: QWidget) -> None:
        super().__init__(parent)
        self._records = records
        self.dots: dict[int, Callable[[Any], str]] = {}
        self.links: set[int] = set()
        self.chips: set[int] = set()
        self.quiet: set[int] = set()
        self.offers: dict[int, Callable[[Any], str]] = {}
        self.actions: RowActions | None = None
        self.trends: dict[int, tuple[Callable[[Any], Sequence[float]], float]] = {}

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        return QSize(super().sizeHint(option, index).width(), ROW_HEIGHT)

    def paint(self, painter: QPainter, option: Any, index: Index) -> None:  # Qt's stubs lack the option's members
        number = index.column()
        column, record = self._records.columns[number], self._records.row_of(index).record
        if option.state.value & GROUNDED:
            panel = QStyle.PrimitiveElement.PE_PanelItemViewItem
            option.widget.style().drawPrimitive(panel, option, painter, option.widget)
        place = option.rect.adjusted(TEXT_MARGIN, 0, -TEXT_MARGIN, 0)
        if number == 0 and self.actions is not None and option.state.value & HOVERED:
            place.setRight(place.right() - self.actions.paint(painter, option.rect, record))
        dot = self.dots.get(number)
        if dot is not None:
            self._draw_dot(painter, place, theme().state_colour(dot(record)))
            place.setLeft(place.left() + DOT + TEXT_MARGIN)
        if number in self.trends:
            values, floor = self.trends[number]
            if found := values(record):
                top = max([floor, *filter(math.isfinite, found)])
                draw_trend(painter, place.adjusted(0, TREND_MARGIN, 0, -TREND_MARGIN), found, top)
            return
        text = column.text(record)
        if not text:
            return
        if number in self.chips:
            self._draw_chips(painter, place, text, option)
            return
        # names often differ at their ends; other texts matter most at the beginning
        mode = Qt.TextElideMode.ElideMiddle if number < NAMES else Qt.TextElideMode.ElideRight
        token = "accent" if number in self.links else "muted" if number in self.quiet else "text"
        painter.setPen(theme().colour(token))
        painter.setFont(option.font)
        offer = self.offers.get(number)
        words = offer(record) if offer is not None else ""
        room = place.width() - (option.fontMetrics.horizontalAdvance(BEFORE_OFFER + words) if words else 0)
        shown = option.fontMetrics.elidedText(text, mode, room)
        painter.drawText(place, RIGHT if column.right else LEFT, shown)
        if words:
            place.setLeft(place.left() + option.fontMetrics.horizontalAdvance(shown + BEFORE_OFFER))
            painter.setPen(theme().colour("accent"))
            painter.drawText(place, LEFT, words)

    def _draw_chips(self, painter: QPainter, place: QRect, text: str, option: Any) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setFont(option.font)
        painter.setClipRect(place)
        for chip, words in zip(chips(option.fontMetrics, text, place.left()), text.split(LINKS), strict=True):
            area = QRectF(chip.left() + 0.5, place.center().y() - CHIP_HEIGHT / 2 + 0.5, chip.width(), CHIP_HEIGHT)
            painter.setPen(theme().colour("line_strong"))
            painter.setBrush(theme().colour("raised"))
            painter.drawRoundedRect(area, CHIP_HEIGHT / 2, CHIP_HEIGHT / 2)
            painter.setPen(theme().colour("accent"))
            painter.drawText(area, Qt.AlignmentFlag.AlignCenter, words)
        painter.restore()

    def _draw_dot(self, painter: QPainter, place: QRect, colour: QColor) -> None:
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(colour)
        painter.drawEllipse(QRect(place.left(), place.center().y() - DOT // 2 + 1, DOT, DOT))
        painter.restore()


def chips(metrics: QFontMetrics, text: str, left: int) -> list[QRect]:
    """Where the links of a cell are, from left to right; their heights do not count."""
    found = []
    for words in text.split(LINKS):
        found.append(QRect(left, 0, metrics.horizontalAdvance(words) + 2 * CHIP_MARGIN, 1))
        left = found[-1].right() + CHIP_MARGIN
    return found


class Table(QTreeView):
    """Shows a :class:`RecordModel`. Groups stay as the user left them; a search expands the groups it finds.

    :ivar pressing: what is selected now is by a press of the mouse.
    """

    opened = Signal(object)
    linked = Signal(object, int, int)
    """Row, column, and the number of the link within the cell."""

    acted = Signal(object, str, QPoint)
    """Row, the name of one of its actions, and where its menu belongs, in the table's viewport."""
    dragged = Signal()
    """The chosen rows are dragged out, where ``draggable`` is set."""

    chosen_changed = Signal()
    scrolled = Signal()
    """Other rows may be visible than before."""

    def __init__(
        self, columns: Sequence[Column], name: str, *, tree: bool = False, unfolded: bool = False
    ) -> None:
        """:param unfolded: groups are expanded at first."""
        super().__init__()
        self.records = RecordModel(columns, self)
        self.delegate = RecordDelegate(self.records, self)
        self._unfolded = unfolded
        self._turned: set[str] = set()
        self._folding = False
        self._by_keys = False  # the current row is marked
        self._pressed = ""  # an action of a row
        self.pressing = False
        self.menu_actions: list[QAction | None] = []
        self.draggable = False
        self._grabbed: QPoint | None = None
        self.setAccessibleName(name)
        self.setModel(self.records)
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
        self.columns = Columns(self, columns)
        self.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self._settle = QTimer(self, singleShot=True, interval=SETTLE_MS)
        self._settle.timeout.connect(self.scrolled)
        ages = QTimer(self, interval=AGES_MS)
        ages.timeout.connect(self.viewport().update)
        ages.start()
        bar = self.verticalScrollBar()
        for moved in (
            bar.valueChanged,
            bar.rangeChanged,
            self.records.layoutChanged,
            self.expanded,
            self.collapsed,
        ):
            moved.connect(lambda *_: self._settle.start())
        self.selectionModel().selectionChanged.connect(lambda: self.chosen_changed.emit())
        self.records.rowsInserted.connect(self._fold_new)
        self.expanded.connect(self._note_turn)
        self.collapsed.connect(self._note_turn)

    # -- selection ------------------------------------------------------------------------------------------------

    def chosen(self) -> list[Row]:
        """The selected rows."""
        model = self.records
        return [
            model.row_of(model.index(number, 0, part.parent()))
            for part in self.selectionModel().selection().toList()
            for number in range(part.top(), part.bottom() + 1)
        ]

    def choose(self, *keys: str) -> None:
        """Select the rows with these keys."""
        selection = self.selectionModel()
        selection.clearSelection()
        for index in self._indexes():
            if self.records.row_of(index).key in keys:
                flags = selection.SelectionFlag.Select | selection.SelectionFlag.Rows
                selection.select(index, flags)
                selection.setCurrentIndex(index, selection.SelectionFlag.NoUpdate)

    def index_of(self, key: str) -> QModelIndex:
        """Where a row is; not valid when it is not shown."""
        return next((at for at in self._indexes() if self.records.row_of(at).key == key), QModelIndex())

    def search(self, text: str) -> None:
        """Show the rows that match a search."""
        before = self.records.searching
        self.records.search(text)
        if before or self.records.searching:
            self._fold(self.records.groups())

    def _fold_new(self, at: QModelIndex, first: int, last: int) -> None:
        if not at.isValid():
            self._fold(self.records.groups(first, last))

    def _fold(self, groups: list[QModelIndex]) -> None:
        """Expand and collapse groups."""
        self._folding = True
        searching = self.records.searching
        self.scheduleDelayedItemsLayout()  # all of them at once
        for index in groups:
            turned = self.records.row_of(index).key in self._turned
            self.setExpanded(index, searching or self._unfolded != turned)
        self._folding = False

    def _note_turn(self, index: QModelIndex) -> None:
        if not self._folding and not self.records.searching:
            self._turned ^= {self.records.row_of(index).key}

    def visible_rows(self) -> list[Row]:
        """The rows that match search and filter, including those in groups."""
        return [self.records.row_of(index) for index in self._indexes()]

    def on_screen(self) -> list[Row]:
        """The rows in the visible part of the table."""
        found = []
        index = self.indexAt(QPoint(0, 0))
        while index.isValid() and self.visualRect(index).top() < self.viewport().height():
            found.append(self.records.row_of(index))
            index = self.indexBelow(index)
        return found

    def _indexes(self) -> list[QModelIndex]:
        found = []
        for number in range(self.records.rowCount()):
            index = self.records.index(number, 0)
            found.append(index)
            found += [self.records.index(child, 0, index) for child in range(self.records.rowCount(index))]
        return found

    # -- events ---------------------------------------------------------------------------------------------------

    def keyPressEvent(self, event: QKeyEvent) -> None:
        index, self._by_keys = self.currentIndex(), True
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter) and index.isValid():
            self.opened.emit(self.records.row_of(index))
            return
        moves = event.key() in MOVES and event.modifiers() in (NO_MODIFIER, KEYPAD)
        if not (moves and event.key() in STEPS and not self.selectionModel().hasSelection()):
            super().keyPressEvent(event)
        if moves:  # Qt begins at the row below the first, and does nothing where there is only one
            self._choose_current()

    def _choose_current(self) -> None:
        selection, index = self.selectionModel(), self.currentIndex()
        if not index.isValid():
            index = self.records.index(0, 0)
        if index.isValid() and not selection.isSelected(index):
            selection.setCurrentIndex(index, selection.SelectionFlag.ClearAndSelect | selection.SelectionFlag.Rows)

    def focusInEvent(self, event: QFocusEvent) -> None:
        self._by_keys = event.reason() not in (Qt.FocusReason.MouseFocusReason, Qt.FocusReason.PopupFocusReason)
        super().focusInEvent(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._by_keys, self._grabbed = False, None
        place, left = event.position().toPoint(), event.button() == Qt.MouseButton.LeftButton
        found = self._action_at(place)
        self._pressed = found[1].name if found and left else ""
        if self._pressed:
            return
        index = self.indexAt(place)
        if self.draggable and left and not event.modifiers() and index.isValid():
            self._grabbed = place
            if self.selectionModel().isSelected(index):
                self.setFocus()  # the others stay chosen: all of them may be dragged
                return
        self.pressing = True
        super().mousePressEvent(event)
        self.pressing = False

    def drawRow(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        super().drawRow(painter, option, index)
        current = self.currentIndex()
        here = index.row() == current.row() and index.parent() == current.parent()
        if here and self._by_keys and self.hasFocus():
            place: QRect = cast(Any, option).rect  # Qt's stubs lack the option's members
            painter.save()
            painter.setPen(theme().colour("accent"))
            painter.drawRect(place.adjusted(0, 0, -1, -1))
            painter.restore()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        index = self.indexAt(event.position().toPoint())
        if self._action_at(event.position().toPoint()):
            self.mousePressEvent(event)
            return
        if index.isValid() and event.button() == Qt.MouseButton.LeftButton:
            self.opened.emit(self.records.row_of(index))
            return
        super().mouseDoubleClickEvent(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._pressed:
            pressed, self._pressed = self._pressed, ""
            found = self._action_at(event.position().toPoint())
            if found and found[1].name == pressed:
                self.acted.emit(self.records.row_of(found[0]), pressed, found[2].bottomLeft())
            return
        super().mouseReleaseEvent(event)
        if self._grabbed is not None:
            flags = self.selectionModel().SelectionFlag
            at = self.indexAt(self._grabbed)
            self.selectionModel().setCurrentIndex(at, flags.ClearAndSelect | flags.Rows)
            self._grabbed = None
        index, number = self._link_at(event.position().toPoint())
        if index is not None and event.button() == Qt.MouseButton.LeftButton and not event.modifiers():
            self.linked.emit(self.records.row_of(index), index.column(), number)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self.draggable and event.buttons() & Qt.MouseButton.LeftButton:
            moved = 0 if self._grabbed is None else (event.position().toPoint() - self._grabbed).manhattanLength()
            if moved >= QApplication.startDragDistance():
                self._grabbed = None
                self.dragged.emit()
            return
        super().mouseMoveEvent(event)
        place = event.position().toPoint()
        found = self._action_at(place)
        self._mark_action(found[1].name if found else "")
        over = found is not None or self._link_at(place)[0] is not None
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.ArrowCursor)

    def viewportEvent(self, event: QEvent) -> bool:
        """An action has a tooltip of its own."""
        if event.type() == QEvent.Type.Leave:
            self._mark_action("")
        elif isinstance(event, QHelpEvent) and (found := self._action_at(event.pos())):
            QToolTip.showText(event.globalPos(), found[1].text, self.viewport(), found[2])
            return True
        return super().viewportEvent(event)

    def _mark_action(self, name: str) -> None:
        actions = self.delegate.actions
        if actions is not None and actions.hot != name:
            actions.hot = name
            self.viewport().update()

    def _action_at(self, place: QPoint) -> tuple[QModelIndex, RowAction, QRect] | None:
        index = self.indexAt(place).siblingAtColumn(0)
        if self.delegate.actions is None or not index.isValid():
            return None
        found = self.delegate.actions.at(self.visualRect(index), self.records.row_of(index).record, place)
        return None if found is None else (index, *found)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        place = event.globalPos()
        if event.reason() == QContextMenuEvent.Reason.Keyboard:
            place = self.viewport().mapToGlobal(self.visualRect(self.currentIndex()).bottomLeft() + QPoint(20, 0))
        self.popup_menu().popup(place)

    def popup_menu(self) -> QMenu:
        """The menu of operations on the selection."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        for action in self.menu_actions:
            if action is None:
                menu.addSeparator()
            else:
                menu.addAction(action)
        return menu

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.columns.fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.PaletteChange:
            self.viewport().update()

    def _link_at(self, place: QPoint) -> tuple[QModelIndex | None, int]:
        index = self.indexAt(place)
        if not index.isValid() or not index.data():
            return None, 0
        metrics, left = self.fontMetrics(), self.visualRect(index).left() + TEXT_MARGIN
        offer = self.delegate.offers.get(index.column())
        if offer is not None and (words := offer(self.records.row_of(index).record)):
            last = self.visualRect(index).right() - TEXT_MARGIN - metrics.horizontalAdvance(words)
            begin = min(last, left + metrics.horizontalAdvance(index.data() + BEFORE_OFFER))
            return (index, OFFER) if begin <= place.x() <= begin + metrics.horizontalAdvance(words) else (None, 0)
        if index.column() not in self.delegate.links:
            return None, 0
        if index.column() in self.delegate.chips:
            found = enumerate(chips(metrics, index.data(), left))
            return next(((index, n) for n, chip in found if chip.left() <= place.x() <= chip.right()), (None, 0))
        texts = index.data().split(LINKS)
        for number in range(len(texts)):
            if place.x() <= left + metrics.horizontalAdvance(LINKS.join(texts[: number + 1])) + TEXT_MARGIN:
                return index, number
        return None, 0
