"""Colours and links in a line: terminal control sequences (ECMA-48, 8.3.117) and what looks like an address."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

ESCAPES = re.compile(r"\x1b(?:\[([0-?]*)[ -/]*([@-~])|\]([^\x07\x1b]*)(?:\x07|\x1b\\)|[@-Z\\-_])")
"""A control sequence, with its parameters and its final byte; or an operating system command."""

UNSEEN = re.compile("[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029\ufdd0\ufdd1\ufffc]")
"""What would end a line of the text, or is not text at all. Tabs stay."""

ADDRESS = re.compile(r"https?://[^\s<>\"'`|]*[^\s<>\"'`|.,;:!?)\]}]")

Colour = int | tuple[int, int, int]
"""One of the sixteen of a terminal, or red, green and blue, each up to 255."""

CUBE = (0, 95, 135, 175, 215, 255)
"""The steps of the 216 colours of xterm."""


@dataclass(frozen=True, slots=True)
class Style:
    """How a part of a line looks. :ivar link: where it leads; empty for nowhere."""

    ink: Colour | None = None
    ground: Colour | None = None
    underline: bool = False
    inverse: bool = False
    link: str = ""


@dataclass(frozen=True, slots=True)
class Span:
    """A part of a line's text that has a style: from ``start`` up to ``end``, which is not in it."""

    start: int
    end: int
    style: Style


PLAIN = Style()


def plain(raw: str) -> str:
    """The text without control sequences and what is not seen."""
    return UNSEEN.sub("", ESCAPES.sub("", raw) if "\x1b" in raw else raw)


def spans(raw: str) -> list[Span]:
    """The parts that have a style, in the order of :func:`plain`'s text."""
    found, place, style = [], 0, PLAIN
    for text, after in _pieces(raw):
        length = len(UNSEEN.sub("", text))
        if length and style != PLAIN:
            found.append(Span(place, place + length, style))
        place += length
        if after is not None:
            style = _change(style, after)
    return found


def links(text: str, raw: str) -> list[Span]:
    """Where the text leads: the program's own links (OSC 8), and addresses in it."""
    own = [span for span in spans(raw) if span.style.link] if "\x1b]8;" in raw else []
    for match in ADDRESS.finditer(text) if "://" in text else ():
        if not any(span.start < match.end() and match.start() < span.end for span in own):
            own.append(Span(match.start(), match.end(), Style(underline=True, link=match[0])))
    return own


def _pieces(raw: str) -> Iterator[tuple[str, re.Match[str] | None]]:
    """Text, and the control sequence after it."""
    place = 0
    for match in ESCAPES.finditer(raw):
        yield raw[place : match.start()], match
        place = match.end()
    yield raw[place:], None


def _change(style: Style, sequence: re.Match[str]) -> Style:
    parameters, final, command = sequence.groups()
    if final == "m":
        return _graphics(style, parameters)
    if command is not None and command.startswith("8;"):
        address = command.split(";", 2)[-1]
        return replace(style, link=address if address.startswith(("http://", "https://")) else "")
    return style


def _graphics(style: Style, parameters: str) -> Style:
    """Select graphic rendition; what it says of the weight of letters is left out."""
    numbers = iter([int(part) if part.isdecimal() else 0 for part in re.split("[;:]", parameters)])
    for number in numbers:
        if number == 0:
            style = Style(link=style.link)
        elif number in (4, 24):
            style = replace(style, underline=number == 4)
        elif number in (7, 27):
            style = replace(style, inverse=number == 7)
        elif number in (38, 48):
            colour = _extended(numbers)
            style = replace(style, ink=colour) if number == 38 else replace(style, ground=colour)
        elif number in (39, 49):
            style = replace(style, ink=None) if number == 39 else replace(style, ground=None)
        elif (colour := _basic(number)) is not None:
            style = replace(style, ink=colour) if number % 100 in (*range(30, 38), *range(90, 98)) else style
            style = replace(style, ground=colour) if number in (*range(40, 48), *range(100, 108)) else style
    return style


def _basic(number: int) -> int | None:
    """One of the sixteen colours."""
    for first, base in ((30, 0), (40, 0), (90, 8), (100, 8)):
        if first <= number < first + 8:
            return base + number - first
    return None


def _extended(numbers: Iterator[int]) -> Colour | None:
    kind = next(numbers, 0)
    if kind == 5:
        number = min(next(numbers, 0), 255)
        if number < 16:
            return number
        if number >= 232:
            grey = 8 + 10 * (number - 232)
            return grey, grey, grey
        red, rest = divmod(number - 16, 36)
        return CUBE[red], CUBE[rest // 6], CUBE[rest % 6]
    if kind == 2:
        red, green, blue = (min(next(numbers, 0), 255) for _ in range(3))
        return red, green, blue
    return None
