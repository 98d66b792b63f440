"""A log that may be long and fast: follow, search, wrap, copy.

The document keeps the last 100,000 lines. New lines are inserted in batches that fit into a frame.
"""

from __future__ import annotations

import re
import time
from collections import deque

from PySide6.QtCore import QTimer
from PySide6.QtGui import QFontDatabase, QGuiApplication, QTextCharFormat, QTextCursor
from PySide6.QtWidgets import QPlainTextEdit, QVBoxLayout, QWidget

from desktop.ui.theme import GAP, theme
from desktop.ui.widgets.basics import SearchField, label, local_key, restyle, row, tool
from desktop.ui.widgets.logsearch import LogSearch

MOST_LINES = 100_000
SLICE_LINES = 100
TURN_SECONDS = 0.006
"""Longest time that one batch blocks Qt's event loop."""

ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
"""Terminal control sequences (ECMA-48): a log shows text only."""


class LogView(QWidget):
    """A text that grows at its end, with search and tools."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.text = QPlainTextEdit(readOnly=True, undoRedoEnabled=False)
        self.text.setMaximumBlockCount(MOST_LINES)
        self.text.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.text.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.text.setAccessibleName(name)
        self.text.setTabChangesFocus(True)
        self.search = SearchField("Search the log")
        self.found = label("", "small")
        self.follow = tool("down", "Follow the end", self._follow_changed, checkable=True)
        self.follow.setChecked(True)
        self.wrap = tool("wrap", "Wrap long lines", self._wrap_changed, checkable=True)
        self.copy = tool("copy", "Copy all", self._copy)
        self.clear_button = tool("close", "Clear", self.clear)
        up = tool("back", "Previous match (Shift+F3)", lambda: self.find_next(backward=True))
        down = tool("forward", "Next match (F3)", self.find_next)
        self.bar = row(
            self.search, up, down, self.found, None, self.follow, self.wrap, self.copy, self.clear_button
        )
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GAP)
        outer.addLayout(self.bar)
        outer.addWidget(self.text, 1)
        self.setFocusProxy(self.text)
        self._plain, self._marked = QTextCharFormat(), QTextCharFormat()
        self._rest = {False: "", True: ""}
        self._begun = False
        self._waiting: deque[tuple[list[str], bool]] = deque()
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._insert_batch)
        self._log_search = LogSearch(self.text.document(), self)
        self.clear()
        self.search.textChanged.connect(self._searched)
        self.search.returnPressed.connect(self.find_next)
        self.text.verticalScrollBar().valueChanged.connect(self._scrolled)
        local_key(self, "F3", self.find_next)
        local_key(self, "Shift+F3", lambda: self.find_next(backward=True))

    def append(self, text: str, *, marked: bool = False) -> None:
        """Append text, which may end within a line.

        :param marked: show it in the colour of errors.
        """
        lines = (self._rest[marked] + ESCAPES.sub("", text)).replace("\r\n", "\n").split("\n")
        self._rest[marked] = lines.pop()
        if not lines:
            return
        self._waiting.append(([line.rpartition("\r")[2] for line in lines], marked))
        while sum(len(waiting) for waiting, _ in self._waiting) > MOST_LINES and len(self._waiting) > 1:
            self._waiting.popleft()  # later lines would push it out again
        if not self._timer.isActive():
            self._insert_batch()

    def _insert_batch(self) -> None:
        """Insert one batch of the pending lines; the rest follows later."""
        bar = self.text.verticalScrollBar()
        place = bar.value()
        end = time.perf_counter() + TURN_SECONDS
        while self._waiting:
            lines, marked = self._waiting.popleft()
            if len(lines) > SLICE_LINES:
                self._waiting.appendleft((lines[SLICE_LINES:], marked))
            shown = "\n".join(lines[:SLICE_LINES])
            cursor = QTextCursor(self.text.document())
            cursor.movePosition(QTextCursor.MoveOperation.End)
            cursor.insertText(f"\n{shown}" if self._begun else shown, self._marked if marked else self._plain)
            self._begun = True
            if time.perf_counter() > end:
                break
        bar.setValue(bar.maximum() if self.follow.isChecked() else place)
        if self._waiting:
            self._timer.start()

    def finish(self) -> None:
        """Mark the end of the log: show an unfinished last line too."""
        for marked, rest in self._rest.items():
            if rest:
                self.append("\n", marked=marked)

    def clear(self) -> None:
        """Remove all lines."""
        self._log_search.stop()
        self._timer.stop()
        self._waiting.clear()
        self._rest = {False: "", True: ""}
        self._begun = False
        self._marked.setForeground(theme().colour("bad"))
        self.text.clear()

    @property
    def lines(self) -> int:
        """The number of lines."""
        return self.text.blockCount() if self._begun else 0

    @property
    def searching(self) -> bool:
        """Whether a search is in progress."""
        return self._log_search.under_way

    def find_next(self, *, backward: bool = False) -> None:
        """Select the next match of the search field's text, or the previous one; from the end on, start again."""
        text = self.search.text()
        self._log_search.stop()
        self._tell_found("")
        if not text:
            return
        self.follow.setChecked(False)
        self._log_search.start(text, self.text.textCursor(), self._show_found, backward=backward)
        if self._log_search.under_way:
            self.found.setText("Searching …")

    def _searched(self, text: str) -> None:
        cursor = self.text.textCursor()
        cursor.movePosition(QTextCursor.MoveOperation.End)
        self.text.setTextCursor(cursor)
        self.find_next(backward=True)

    def _show_found(self, match: QTextCursor | None) -> None:
        if match is not None:
            self.text.setTextCursor(match)
        self._tell_found("Not found" if match is None else "")

    def _tell_found(self, text: str) -> None:
        if text != self.found.text():
            self.found.setText(text)
            self.search.setProperty("invalid", bool(text))
            restyle(self.search)

    def _follow_changed(self) -> None:
        if self.follow.isChecked():
            bar = self.text.verticalScrollBar()
            bar.setValue(bar.maximum())

    def _scrolled(self, value: int) -> None:
        bar = self.text.verticalScrollBar()
        if bar.isSliderDown() or self.text.underMouse():
            self.follow.setChecked(value >= bar.maximum())

    def _wrap_changed(self) -> None:
        modes = QPlainTextEdit.LineWrapMode
        self.text.setLineWrapMode(modes.WidgetWidth if self.wrap.isChecked() else modes.NoWrap)

    def _copy(self) -> None:
        chosen = self.text.textCursor().selectedText().replace("\u2029", "\n")
        QGuiApplication.clipboard().setText(chosen or self.text.toPlainText())
