"""Search in a very long document, in slices, so that the window keeps painting.

A slice is a run of whole lines. Cursors mark how far the search has come; Qt moves them when lines are added at
the end or dropped at the beginning.
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Callable, Iterator

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QTextCursor, QTextDocument

SLICE = 1 << 16
"""Characters of one slice."""

TURN_SECONDS = 0.006
"""Longest time that a search blocks Qt's event loop."""

Found = Callable[[QTextCursor | None], object]
"""Called with the match as a selection; with None when there is none."""


class LogSearch(QObject):
    """At most one search at a time: a new one ends the previous one."""

    def __init__(self, document: QTextDocument, parent: QObject) -> None:
        super().__init__(parent)
        self._document = document
        self._steps: Iterator[QTextCursor | None] = iter(())
        self._found: Found = lambda match: None
        self._timer = QTimer(self, singleShot=True, interval=0)
        self._timer.timeout.connect(self._go_on)

    @property
    def under_way(self) -> bool:
        """Whether a search is in progress."""
        return self._timer.isActive()

    def stop(self) -> None:
        """End the search without calling back."""
        self._timer.stop()

    def start(self, text: str, at: QTextCursor, found: Found, *, backward: bool) -> None:
        """Search from the selection on and then from the other end, ignoring case.

        A match in the first slices is found before this returns.
        """
        self._steps = self._search(re.compile(re.escape(text), re.IGNORECASE), at, backward)
        self._found = found
        self._go_on()

    def _go_on(self) -> None:
        end = time.perf_counter() + TURN_SECONDS
        for match in self._steps:
            if match is not None:
                self._timer.stop()
                self._found(match)
                return
            if time.perf_counter() > end:
                self._timer.start()
                return
        self._timer.stop()
        self._found(None)

    def _search(self, wanted: re.Pattern[str], at: QTextCursor, backward: bool) -> Iterator[QTextCursor | None]:
        """Yield once for each slice: its match, or None."""
        first, last = self._cursor(0), self._cursor(self._document.characterCount() - 1)
        block = self._document.findBlock(at.position())
        if backward:
            parts = (
                (first, self._cursor(at.selectionStart())),
                (self._cursor(block.position()), last),
            )
        else:
            parts = (
                (self._cursor(at.selectionEnd()), last),
                (first, self._cursor(block.position() + block.length() - 1)),
            )
        for begin, end in parts:
            for piece in self._slices(begin, end, backward):
                yield self._match(wanted, piece, backward)

    def _slices(self, begin: QTextCursor, end: QTextCursor, backward: bool) -> Iterator[QTextCursor]:
        """Selections of whole lines, one after another; ``begin`` and ``end`` close in on each other."""
        while begin.position() < end.position():
            piece = QTextCursor(begin if not backward else end)
            if backward:
                block = self._document.findBlock(max(begin.position(), end.position() - SLICE))
                piece.setPosition(max(begin.position(), block.position()), QTextCursor.MoveMode.KeepAnchor)
                end.setPosition(piece.selectionStart())
            else:
                block = self._document.findBlock(min(end.position(), begin.position() + SLICE))
                until = min(end.position(), block.position() + block.length() - 1)
                piece.setPosition(until, QTextCursor.MoveMode.KeepAnchor)
                begin.setPosition(min(end.position(), until + 1))
            yield piece

    def _match(self, wanted: re.Pattern[str], piece: QTextCursor, backward: bool) -> QTextCursor | None:
        text, start = piece.selectedText(), piece.selectionStart()
        matches = wanted.finditer(text)
        match = next(iter(deque(matches, maxlen=1)) if backward else matches, None)
        if match is None:
            return None
        found = QTextCursor(self._document)
        found.setPosition(start + _units(text[: match.start()]))
        found.setPosition(start + _units(text[: match.end()]), QTextCursor.MoveMode.KeepAnchor)
        return found

    def _cursor(self, position: int) -> QTextCursor:
        made = QTextCursor(self._document)
        made.setPosition(position)
        made.setKeepPositionOnInsert(True)
        return made


def _units(text: str) -> int:
    """The length of a text in UTF-16 units, as Qt counts it."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2
