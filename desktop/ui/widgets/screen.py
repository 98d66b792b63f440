"""The screen of a terminal: pyte's, plus the alternate screen that full-screen programs use."""

from __future__ import annotations

import copy
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import Any

import pyte
from pyte.screens import Char, Cursor, StaticDefaultDict

ALTERNATE = {47, 1047, 1049}
"""The private modes for the alternate screen (XTerm Control Sequences, DECSET)."""

Buffer = dict[int, StaticDefaultDict[int, Char]]


@dataclass(frozen=True)
class MainScreen:
    """The saved main screen while the alternate one is shown. :ivar above: lines that have scrolled away."""

    buffer: Buffer
    cursor: Cursor
    above: deque[Any]


class Screen(pyte.HistoryScreen):
    """The visible lines of a terminal, and those that have scrolled away above them."""

    def __init__(self, columns: int, lines: int, history: int) -> None:
        self._kept: MainScreen | None = None
        super().__init__(columns, lines, history=history, ratio=0.5)

    def reset(self) -> None:
        """Reset the terminal (RIS)."""
        self._kept = None
        super().reset()

    def set_mode(self, *modes: int, **kwargs: Any) -> None:
        """Switch modes on."""
        super().set_mode(*modes, **kwargs)
        if kwargs.get("private") and ALTERNATE & set(modes) and self._kept is None:
            self._kept = MainScreen(self.buffer, copy.copy(self.cursor), self.history.top.copy())
            self.buffer = self._empty()
            self.dirty.update(range(self.lines))

    def reset_mode(self, *modes: int, **kwargs: Any) -> None:
        """Switch modes off."""
        super().reset_mode(*modes, **kwargs)
        kept = self._kept
        if kwargs.get("private") and ALTERNATE & set(modes) and kept is not None:
            self._kept = None
            surplus = max(0, kept.cursor.y - (self.lines - 1))  # the terminal has fewer lines now
            self.buffer = self._empty()
            self.buffer.update({y - surplus: row for y, row in kept.buffer.items() if surplus <= y})
            self.cursor = kept.cursor
            self.cursor.y -= surplus
            self.ensure_hbounds()
            self.history.top.clear()
            self.history.top.extend(kept.above)
            self.dirty.update(range(self.lines))

    def _empty(self) -> Buffer:
        return defaultdict(lambda: StaticDefaultDict[int, Char](self.default_char))
