"""How the parts of a log's rows look: time and name, levels, the program's own colours, links, matches."""

from __future__ import annotations

from functools import lru_cache

from PySide6.QtGui import QColor, QTextCharFormat

from desktop.ui.models.colours import readable, rgb
from desktop.ui.models.logs import ansi
from desktop.ui.models.logs.levels import Level
from desktop.ui.models.logs.lines import LogLine
from desktop.ui.theme import TERMINAL, theme

LEVELS = {
    Level.TRACE: "hint",
    Level.DEBUG: "muted",
    Level.WARNING: "warn",
    Level.ERROR: "bad",
    Level.FATAL: "bad",
}
"""Level → the token of its colour; the others have that of text."""

Mark = tuple[int, int, QTextCharFormat]

MOST_MARKS = 300
"""Of one row."""


def marks_of(line: LogLine, offset: int, named: tuple[int, int, int]) -> list[Mark]:
    """The looks of a row.

    :param offset: where the line's text begins in its row.
    :param named: where its name begins and ends, and the number of its colour.
    """
    ground = theme().colours.field
    begin, end, number = named
    found: list[Mark] = [(0, offset, _ink("muted"))] if offset else []
    if end > begin:
        found.append((begin, end, _made(source_colour(number), ground)))
    if line.level in LEVELS and not line.raw:
        found.append((offset, offset + len(line.text), _ink(LEVELS[line.level])))
    spans = ansi.spans(line.raw) if line.raw else []
    for span in [*spans[:MOST_MARKS], *ansi.links(line.text, line.raw)]:
        found.append((offset + span.start, offset + span.end, _look(span.style, ground)))
    return found


def match_look() -> QTextCharFormat:
    """That of what is looked for."""
    return _made(theme().colours.text, theme().colours.match_ground)


def source_colour(number: int) -> str:
    """The colour of one of several logs."""
    colours = theme().colours.logs
    return colours[number % len(colours)]


def _ink(token: str) -> QTextCharFormat:
    return _made(getattr(theme().colours, token), theme().colours.field)


@lru_cache(maxsize=64)
def _made(ink: str, ground: str) -> QTextCharFormat:
    """Each look has a ground: Qt leaves out one without that touches another (QTextLayout::draw)."""
    made = QTextCharFormat()
    made.setForeground(QColor(ink))
    made.setBackground(QColor(ground))
    return made


@lru_cache(maxsize=1024)
def _look(style: ansi.Style, ground: str) -> QTextCharFormat:
    """A look of the program's own, readable on the window's ground."""
    made = QTextCharFormat()
    ink, own = (style.ground, style.ink) if style.inverse else (style.ink, style.ground)
    if style.inverse and own is None:
        own = rgb(theme().colours.text)
    if style.inverse and ink is None:
        ink = rgb(ground)
    behind = rgb(ground) if own is None else _rgb(own)
    made.setBackground(QColor(*behind))
    if ink is not None or own is not None:
        made.setForeground(QColor(*readable(rgb(theme().colours.text) if ink is None else _rgb(ink), behind)))
    if style.link:
        made.setForeground(theme().colour("accent"))
    made.setFontUnderline(style.underline or bool(style.link))
    return made


def _rgb(colour: ansi.Colour) -> tuple[int, int, int]:
    return rgb(TERMINAL[colour]) if isinstance(colour, int) else colour
