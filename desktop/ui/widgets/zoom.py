"""The size of the text in terminals and logs: Ctrl and +, − or 0 change that of all of them."""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QObject, QSettings, Signal
from PySide6.QtGui import QFont, QFontDatabase, QFontInfo

LEAST, MOST = -5, 15
"""Bounds, in pixels."""

KEY = "zoom"
LARGER, SMALLER, USUAL = ("Ctrl++", "Ctrl+="), ("Ctrl+-",), ("Ctrl+0",)


class Zoom(QObject):
    """How much larger than usual it is. :ivar more: in pixels; less than zero: smaller."""

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.more = 0
        self._memory: QSettings | None = None

    def remember(self, memory: QSettings) -> None:
        """Take what was kept, and keep what is changed from now on."""
        self._memory = memory
        kept = str(memory.value(KEY) or "0")
        self._set(int(kept) if kept.lstrip("-").isdigit() else 0)

    def step(self, by: int) -> None:
        """Make the text larger or smaller; 0: as at first."""
        self._set(self.more + by if by else 0)
        if self._memory is not None:
            self._memory.setValue(KEY, self.more)

    def _set(self, more: int) -> None:
        more = max(LEAST, min(MOST, more))
        if more != self.more:
            self.more = more
            self.changed.emit()


@cache
def zoom() -> Zoom:
    """That of the window."""
    return Zoom()


def fixed_font() -> QFont:
    """The font whose characters have one width."""
    return QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)


def zoomed_font() -> QFont:
    """The same in the size of now."""
    made = fixed_font()
    made.setPixelSize(QFontInfo(made).pixelSize() + zoom().more)
    return made
