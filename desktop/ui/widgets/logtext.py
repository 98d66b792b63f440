"""The text of a log: rows with columns in front of them, coloured where they are seen; links; plain copies.

The document holds plain text. Colours are laid over the visible rows only, so that they cost nothing elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from PySide6.QtCore import QPoint, Qt, QUrl, Signal
from PySide6.QtGui import (
    QContextMenuEvent,
    QDesktopServices,
    QGuiApplication,
    QKeyEvent,
    QKeySequence,
    QMouseEvent,
    QResizeEvent,
    QTextCharFormat,
    QTextCursor,
)
from PySide6.QtWidgets import QMenu, QPlainTextEdit, QTextEdit

from desktop.ui.theme import SIZES
from desktop.ui.widgets.basics import local_key
from desktop.ui.widgets.zoom import LARGER, SMALLER, USUAL, fixed_font, zoom
from desktop.ui.words import tr

Marks = Callable[[int], list[tuple[int, int, QTextCharFormat]]]
"""A row → its parts that have a look of their own: from, up to, and the look; in characters of the row."""

Links = Callable[[int, int], str]
"""A row and a character in it → where that leads; empty for nowhere."""

ENTER = (Qt.Key.Key_Return, Qt.Key.Key_Enter)
BLANK_LIMIT = 100_000


class LogText(QPlainTextEdit):
    """Reads and copies; what it shows is put in by its owner.

    :ivar bare: leave the colours as they are, because the text is being changed.
    """

    moved = Signal()
    """The user has moved in it by the keyboard."""

    _stale = Signal()

    def __init__(self, name: str, marks: Marks, links: Links) -> None:
        super().__init__(readOnly=True, undoRedoEnabled=False)
        self._marks, self._links = marks, links
        self._pressed = QPoint()
        self.bare, self._queued = False, False
        self.setFont(fixed_font())
        self._resize_text()
        zoom().changed.connect(self._resize_text)
        self.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.setAccessibleName(name)
        self.setTabChangesFocus(True)
        self.setTextInteractionFlags(  # a caret, so that the keyboard selects and a screen reader reads by lines
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self.viewport().setMouseTracking(True)
        self.verticalScrollBar().valueChanged.connect(self._undress)
        self._stale.connect(self.dress, Qt.ConnectionType.QueuedConnection)  # still before the next paint

        for keys, by in ((LARGER, 1), (SMALLER, -1), (USUAL, 0)):
            for each in keys:
                local_key(self, each, partial(zoom().step, by))

    def _resize_text(self) -> None:
        more = zoom().more
        self.setStyleSheet(f"QPlainTextEdit {{ font-size: {SIZES['size_body'] + more}px; }}" if more else "")

    # -- rows -----------------------------------------------------------------------------------------------------

    def put_rows(self, row: int, rows: int, texts: list[str]) -> None:
        """Insert rows. :param rows: how many there are before."""
        cursor, text = QTextCursor(self.document()), "\n".join(texts)
        if row >= rows:
            cursor.movePosition(QTextCursor.MoveOperation.End)
            cursor.insertText(f"\n{text}" if rows else text)
        else:
            cursor.setPosition(self.document().findBlockByNumber(row).position())
            cursor.insertText(f"{text}\n")

    def drop_rows(self, count: int) -> int:
        """Remove rows from the beginning; how many lines of the screen they took, or would take."""
        end = self.document().findBlockByNumber(count)
        if not end.isValid():
            self.clear()
            return BLANK_LIMIT
        height = end.firstLineNumber()
        cursor = QTextCursor(self.document())
        cursor.setPosition(end.position(), QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()
        return height

    def trim_rows(self, row: int) -> None:
        """Remove the rows from this one on."""
        cursor = QTextCursor(self.document().findBlockByNumber(row))
        if row:
            cursor.movePosition(QTextCursor.MoveOperation.PreviousCharacter)  # with the line end before it
        cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
        cursor.removeSelectedText()

    def first_row(self) -> int:
        """The first row that is visible."""
        return self.firstVisibleBlock().blockNumber()

    def lead_to(self, row: int) -> None:
        """Scroll so that a row is the first one."""
        block = self.document().findBlockByNumber(row)
        if block.isValid():
            self.verticalScrollBar().setValue(block.firstLineNumber())

    def select(self, row: int, start: int, end: int) -> None:
        """Select a part of a row, and show it."""
        cursor = self.cursor_at(row, start)
        cursor.setPosition(self.cursor_at(row, end).position(), QTextCursor.MoveMode.KeepAnchor)
        self.setTextCursor(cursor)

    def cursor_at(self, row: int, place: int) -> QTextCursor:
        """A cursor before a character of a row."""
        block = self.document().findBlockByNumber(row)
        cursor = QTextCursor(block)
        cursor.setPosition(block.position() + units(block.text(), place))
        return cursor

    def where(self, cursor: QTextCursor, *, end: bool) -> tuple[int, int]:
        """Row and character at the end or the beginning of a selection."""
        position = cursor.selectionEnd() if end else cursor.selectionStart()
        block = self.document().findBlock(position)
        return block.blockNumber(), characters(block.text(), position - block.position())

    def dress(self) -> None:
        """Lay colours over the visible rows."""
        self._queued = False
        if self.bare:
            return
        found = []
        block, offset = self.firstVisibleBlock(), self.contentOffset()
        bottom = self.viewport().height()
        while block.isValid() and self.blockBoundingGeometry(block).translated(offset).top() <= bottom:
            marks = self._marks(block.blockNumber())
            text = block.text() if marks else ""
            wide = bool(marks) and not text.isascii()
            begin = block.position()
            for start, end, look in marks:
                one = QTextEdit.ExtraSelection()
                cursor = QTextCursor(block)
                cursor.setPosition(begin + (units(text, start) if wide else start))
                cursor.setPosition(begin + (units(text, end) if wide else end), QTextCursor.MoveMode.KeepAnchor)
                one.cursor, one.format = cursor, look  # type: ignore[attr-defined]  # Qt's stubs lack both
                found.append(one)
            block = block.next()
        self.setExtraSelections(found)

    def _undress(self) -> None:
        """Other rows are visible; Qt may be in the middle of a layout."""
        if not self._queued and not self.bare:
            self._queued = True
            self._stale.emit()

    # -- events ---------------------------------------------------------------------------------------------------

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._undress()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in ENTER and (address := self._link_of(self.textCursor())):
            QDesktopServices.openUrl(QUrl(address))
            return
        if event.matches(QKeySequence.StandardKey.Copy):
            self.copy_plain()
            return
        super().keyPressEvent(event)
        self.moved.emit()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._pressed = event.position().toPoint()
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        super().mouseMoveEvent(event)
        over = not event.buttons() and bool(self.link_at(event.position().toPoint()))
        self.viewport().setCursor(Qt.CursorShape.PointingHandCursor if over else Qt.CursorShape.IBeamCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        super().mouseReleaseEvent(event)
        place = event.position().toPoint()
        clicked = place == self._pressed and event.button() == Qt.MouseButton.LeftButton
        if clicked and (address := self.link_at(place)):
            QDesktopServices.openUrl(QUrl(address))

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        by_key = event.reason() == QContextMenuEvent.Reason.Keyboard
        address = self._link_of(self.textCursor()) if by_key else self.link_at(event.pos())
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        copy = menu.addAction(tr("Copy"), self.copy_plain)
        copy.setEnabled(self.textCursor().hasSelection())
        menu.addAction(tr("Select all"), self.selectAll)
        if address:
            menu.addAction(tr("Open link"), partial(QDesktopServices.openUrl, QUrl(address)))
        menu.popup(self.viewport().mapToGlobal(self.cursorRect().bottomLeft()) if by_key else event.globalPos())

    def copy_plain(self) -> None:
        """Copy what is selected, as plain text and nothing else."""
        if self.textCursor().hasSelection():
            QGuiApplication.clipboard().setText(self.textCursor().selection().toPlainText())

    def link_at(self, place: QPoint) -> str:
        """Where what is shown at a point leads; empty for nowhere."""
        cursor = self.cursorForPosition(place)
        after = self.cursorRect(cursor)
        near = abs(place.x() - after.x()) <= self.fontMetrics().averageCharWidth() and (
            after.top() <= place.y() <= after.bottom()
        )  # not in the empty space beside a line
        return self._link_of(cursor) if near else ""

    def _link_of(self, cursor: QTextCursor) -> str:
        return self._links(cursor.blockNumber(), characters(cursor.block().text(), cursor.positionInBlock()))


def units(text: str, place: int) -> int:
    """How many UTF-16 units, as Qt counts, the first ``place`` characters have."""
    return place + sum(character > "\uffff" for character in text[:place])


def characters(text: str, count: int) -> int:
    """How many characters the first ``count`` units have."""
    return (
        count
        if text.isascii()
        else len(text.encode("utf-16-le", "surrogatepass")[: 2 * count].decode("utf-16-le", "replace"))
    )
