"""A terminal: pyte keeps the screen (a VT100's); this module draws it and encodes keys.

Ctrl-P Ctrl-Q detaches, as in ``docker attach``. Copy and paste are Ctrl+Shift+C and Ctrl+Shift+V.
"""

from __future__ import annotations

import codecs

import pyte
from PySide6.QtCore import QEvent, QPoint, QRect, Qt, QTimer, Signal
from PySide6.QtGui import (
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QFont,
    QFontMetricsF,
    QGuiApplication,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QResizeEvent,
    QWheelEvent,
)
from PySide6.QtWidgets import QMenu, QWidget
from pyte.screens import Char

from desktop.ui.theme import theme
from desktop.ui.widgets.menu_key import OWN_KEYS
from desktop.ui.widgets.screen import Screen
from desktop.ui.widgets.zoom import zoom, zoomed_font

HISTORY = 10_000
COLOURS = {
    "black": "#3b4048",
    "red": "#e06c75",
    "green": "#98c379",
    "brown": "#e5c07b",
    "blue": "#61afef",
    "magenta": "#c678dd",
    "cyan": "#56b6c2",
    "white": "#dcdfe4",
    "brightblack": "#7f848e",
    "brightred": "#ff7b86",
    "brightgreen": "#b5e890",
    "brightbrown": "#ffd58c",
    "brightblue": "#7cc4ff",
    "brightmagenta": "#dd9bf2",
    "brightcyan": "#7fdbe6",
    "brightwhite": "#ffffff",
    "bfightmagenta": "#dd9bf2",  # as pyte 0.8 spells it
}
"""The sixteen colours by pyte's names; the background is dark in both schemes."""

GROUND, INK = "#16191e", "#dcdfe4"
PADDING = 8

KEYS = {
    Qt.Key.Key_Up: "\x1b[A",
    Qt.Key.Key_Down: "\x1b[B",
    Qt.Key.Key_Right: "\x1b[C",
    Qt.Key.Key_Left: "\x1b[D",
    Qt.Key.Key_Home: "\x1b[H",
    Qt.Key.Key_End: "\x1b[F",
    Qt.Key.Key_Insert: "\x1b[2~",
    Qt.Key.Key_Delete: "\x1b[3~",
    Qt.Key.Key_PageUp: "\x1b[5~",
    Qt.Key.Key_PageDown: "\x1b[6~",
    Qt.Key.Key_Return: "\r",
    Qt.Key.Key_Enter: "\r",
    Qt.Key.Key_Backspace: "\x7f",
    Qt.Key.Key_Tab: "\t",
    Qt.Key.Key_Backtab: "\x1b[Z",
    Qt.Key.Key_Escape: "\x1b",
    Qt.Key.Key_F1: "\x1bOP",
    Qt.Key.Key_F2: "\x1bOQ",
    Qt.Key.Key_F3: "\x1bOR",
    Qt.Key.Key_F4: "\x1bOS",
    Qt.Key.Key_F5: "\x1b[15~",
    Qt.Key.Key_F10: "\x1b[21~",
}
"""What xterm sends (XTerm Control Sequences, “PC-Style Function Keys”)."""

ARROWS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Home, Qt.Key.Key_End)
APPLICATION_CURSOR = 1 << 5
"""DECCKM, as pyte numbers a private mode."""

ZOOM = {Qt.Key.Key_Plus: 1, Qt.Key.Key_Equal: 1, Qt.Key.Key_Minus: -1, Qt.Key.Key_0: 0}
"""Keys that change the size of the text, with Ctrl."""

WINDOW_KEYS = (Qt.Key.Key_F1, Qt.Key.Key_F6)
"""Keys that the window handles even while a terminal has the focus."""

DETACH = "\x10\x11"


class Terminal(QWidget):
    """A screen with a cursor. ``typed`` carries the bytes to send, ``resized`` rows and columns."""

    typed = Signal(bytes)
    resized = Signal(int, int)
    detached = Signal()

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setAccessibleName(name)
        self.setProperty(OWN_KEYS, True)  # its program's
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent)
        self.setAttribute(Qt.WidgetAttribute.WA_InputMethodEnabled)
        self.setCursor(Qt.CursorShape.IBeamCursor)
        self.cells = Screen(80, 24, HISTORY)
        self._stream = pyte.Stream(self.cells)
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._measure()
        zoom().changed.connect(self._measure)
        self._pending = ""
        self._selection: tuple[QPoint, QPoint] | None = None
        self._repaint = QTimer(self, singleShot=True, interval=15)
        self._repaint.timeout.connect(self.update)

    # -- output ---------------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Show output."""
        if self.cells.history.position < self.cells.history.size:
            while self.cells.history.bottom:
                self.cells.next_page()
        self._stream.feed(self._decoder.decode(data))
        if not self._repaint.isActive():
            self._repaint.start()

    def lines(self) -> list[str]:
        """The screen's lines without trailing blanks."""
        return [line.rstrip() for line in self.cells.display]

    @property
    def size_in_cells(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.cells.lines, self.cells.columns

    # -- keys and mouse -------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """Send keys to the program in the terminal, not to the window's shortcuts; except :data:`WINDOW_KEYS`."""
        if event.type() == QEvent.Type.ShortcutOverride and isinstance(event, QKeyEvent):
            digit = Qt.Key.Key_0 <= event.key() <= Qt.Key.Key_9
            if event.key() not in WINDOW_KEYS and not digit and not _is_drawers(event):
                event.accept()
                return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        modifiers = event.modifiers()
        both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        if modifiers & both == both and event.key() == Qt.Key.Key_C:
            self.copy()
            return
        if modifiers & both == both and event.key() == Qt.Key.Key_V:
            self.paste()
            return
        if modifiers & Qt.KeyboardModifier.ShiftModifier and event.key() in (
            Qt.Key.Key_PageUp,
            Qt.Key.Key_PageDown,
        ):
            self._scroll(up=event.key() == Qt.Key.Key_PageUp)
            return
        if modifiers & both == Qt.KeyboardModifier.ControlModifier and event.key() in ZOOM:
            zoom().step(ZOOM[Qt.Key(event.key())])
            return
        text = KEYS.get(Qt.Key(event.key()), event.text())
        if APPLICATION_CURSOR in self.cells.mode and event.key() in ARROWS:
            text = text.replace("[", "O")
        if (
            modifiers == Qt.KeyboardModifier.ControlModifier
            and Qt.Key.Key_At <= event.key() <= Qt.Key.Key_Underscore
        ):
            text = chr(event.key() - Qt.Key.Key_At)  # Ctrl-A is 1; Qt does not provide that on every platform
        if modifiers & Qt.KeyboardModifier.AltModifier and text:
            text = "\x1b" + text
        if text:
            self._send(text)

    def focusNextPrevChild(self, next: bool) -> bool:
        """Send Tab to the program; Ctrl+Tab and F6 leave the terminal."""
        return False

    def _send(self, text: str) -> None:
        """Hold back a Ctrl-P until the next key decides whether it begins a detach."""
        text, self._pending = self._pending + text, ""
        if text == DETACH:
            self.detached.emit()
        elif text == DETACH[0]:
            self._pending = text
        else:
            self._selection = None
            self.typed.emit(text.encode())

    def paste(self) -> None:
        """Send the text of the clipboard; bracketed if the program has enabled that."""
        text = QGuiApplication.clipboard().text().replace("\r\n", "\r").replace("\n", "\r")
        if (2004 << 5) in self.cells.mode:
            text = f"\x1b[200~{text}\x1b[201~"
        if text:
            self.typed.emit(text.encode())

    def copy(self) -> None:
        """Copy the selected text."""
        text = self.selected()
        if text:
            QGuiApplication.clipboard().setText(text)

    def selected(self) -> str:
        """The selected text."""
        if self._selection is None:
            return ""
        first, last = sorted(self._selection, key=lambda cell: (cell.y(), cell.x()))
        lines = []
        for y in range(first.y(), last.y() + 1):
            line = self.cells.display[y] if 0 <= y < self.cells.lines else ""
            start = first.x() if y == first.y() else 0
            end = last.x() if y == last.y() else len(line)
            lines.append(line[start:end].rstrip())
        return "\n".join(lines)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus()
        if event.button() == Qt.MouseButton.LeftButton:
            cell = self._cell_at(event.position().toPoint())
            self._selection = (cell, cell)
            self.update()
        elif event.button() == Qt.MouseButton.MiddleButton:
            self.paste()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if event.buttons() & Qt.MouseButton.LeftButton and self._selection is not None:
            self._selection = (self._selection[0], self._cell_at(event.position().toPoint()))
            self.update()

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        self.popup_menu().popup(event.globalPos())

    def popup_menu(self) -> QMenu:
        """The menu with copy and paste."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Copy\tCtrl+Shift+C", self.copy).setEnabled(bool(self.selected()))
        menu.addAction("Paste\tCtrl+Shift+V", self.paste)
        return menu

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        """Select a word."""
        cell = self._cell_at(event.position().toPoint())
        line = self.cells.display[cell.y()]
        at = min(cell.x(), len(line) - 1)
        start = line.rfind(" ", 0, at) + 1
        end = line.find(" ", at)
        self._selection = QPoint(start, cell.y()), QPoint(end if end >= 0 else len(line), cell.y())
        self.update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._scroll(up=event.angleDelta().y() > 0)

    def _scroll(self, *, up: bool) -> None:
        self._selection = None
        if up:
            self.cells.prev_page()
        else:
            self.cells.next_page()
        self.update()

    def _cell_at(self, place: QPoint) -> QPoint:
        width, height = self._cell
        return QPoint(
            max(0, min(self.cells.columns, round((place.x() - PADDING) / width))),
            max(0, min(self.cells.lines - 1, int((place.y() - PADDING) // height))),
        )

    # -- painting -------------------------------------------------------------------------------------------------

    def _measure(self) -> None:
        """Use the size of text of now."""
        self._font = zoomed_font()
        metrics = QFontMetricsF(self._font)
        self._cell = metrics.horizontalAdvance("M"), metrics.height()
        self._ascent = metrics.ascent()
        self._fit()
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._fit()

    def _fit(self) -> None:
        width, height = self._cell
        columns = max(20, int((self.width() - 2 * PADDING) // width))
        rows = max(4, int((self.height() - 2 * PADDING) // height))
        if (rows, columns) != self.size_in_cells:
            self.cells.resize(rows, columns)
            self.resized.emit(rows, columns)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(GROUND))
        for y in range(self.cells.lines):
            self._paint_line(painter, y)
        self._paint_selection(painter)
        self._paint_cursor(painter)
        painter.setPen(theme().colour("accent" if self.hasFocus() else "line_strong"))
        painter.drawRect(self.rect().adjusted(0, 0, -1, -1))

    def _paint_line(self, painter: QPainter, y: int) -> None:
        line = self.cells.buffer[y]
        x = 0
        while x < self.cells.columns:
            look, start = line[x], x
            text = ""
            while x < self.cells.columns and _same_look(line[x], look):
                text += line[x].data
                x += 1
            if text.strip() or look.bg != "default" or look.reverse or look.underscore:
                self._paint_run(painter, self.cell_rect(start, y, x - start), text, look)

    def _paint_run(self, painter: QPainter, place: QRect, text: str, look: Char) -> None:
        ink, ground = _colour(look.fg, INK, look.bold), _colour(look.bg, GROUND, False)
        if look.reverse:
            ink, ground = ground, ink
        if ground != QColor(GROUND):
            painter.fillRect(place, ground)
        font = QFont(self._font)
        font.setBold(look.bold)
        font.setItalic(look.italics)
        font.setUnderline(look.underscore)
        painter.setFont(font)
        painter.setPen(ink)
        painter.drawText(QPoint(place.left(), place.top() + int(self._ascent)), text)

    def _paint_selection(self, painter: QPainter) -> None:
        if self._selection is None or self._selection[0] == self._selection[1]:
            return
        first, last = sorted(self._selection, key=lambda cell: (cell.y(), cell.x()))
        tint = theme().colour("accent")
        tint.setAlpha(90)
        for y in range(first.y(), last.y() + 1):
            start = first.x() if y == first.y() else 0
            end = last.x() if y == last.y() else self.cells.columns
            painter.fillRect(self.cell_rect(start, y, end - start), tint)

    def _paint_cursor(self, painter: QPainter) -> None:
        cursor = self.cells.cursor
        if cursor.hidden:
            return
        place = self.cell_rect(min(cursor.x, self.cells.columns - 1), cursor.y, 1)
        painter.setPen(QColor(INK))
        if self.hasFocus():
            tint = QColor(INK)
            tint.setAlpha(150)
            painter.fillRect(place, tint)
        else:
            painter.drawRect(place.adjusted(0, 0, -1, -1))

    def cell_rect(self, x: int, y: int, count: int) -> QRect:
        """Where ``count`` cells from column ``x`` of line ``y`` on are painted."""
        width, height = self._cell
        left, top = PADDING + x * width, PADDING + y * height
        return QRect(int(left), int(top), int(left + count * width) - int(left), int(top + height) - int(top))


def _is_drawers(event: QKeyEvent) -> bool:
    """Ctrl+`, which the window handles too."""
    return event.key() == Qt.Key.Key_QuoteLeft and event.modifiers() == Qt.KeyboardModifier.ControlModifier


def _same_look(one: Char, other: Char) -> bool:
    return one[1:] == other[1:]


def _colour(name: str, default: str, bright: bool) -> QColor:
    if name == "default":
        return QColor(default)
    found = COLOURS.get(f"bright{name}" if bright else name) or COLOURS.get(name)
    return QColor(found or f"#{name}")
