"""A log's lines, from the frames that the engine sends: a frame holds a part of a line, or several."""

from __future__ import annotations

import codecs
from functools import lru_cache
from typing import NamedTuple

from desktop.ui.models.logs.ansi import plain
from desktop.ui.models.logs.levels import Level, goes_on, level_of
from desktop.ui.models.logs.moments import stamp

MAX_LINE = 20_000
"""Characters of a line that are kept: Qt takes long to lay out more."""


class LogLine(NamedTuple):
    """One line.

    :ivar moment: nanoseconds since 1970; 0 if it is not known.    :ivar source: the key of what printed it.
    :ivar text: what it says.    :ivar raw: the same with its control sequences; empty if it has none.
    """

    moment: int
    source: str
    level: Level
    text: str
    raw: str = ""


class LineReader:
    """Makes lines of the frames of one log.

    :param stamped: each line begins with the time that the engine has noted.
    :ivar last: the moment of the newest line.
    """

    def __init__(self, source: str = "", *, stamped: bool = False) -> None:
        self._source, self._stamped = source, stamped
        self._decoders: dict[int, codecs.IncrementalDecoder] = {}
        self._rest: dict[int, str] = {}
        self._level = Level.NONE
        self.last = 0

    def feed(self, data: bytes, stream: int = 1) -> list[LogLine]:
        """The lines that are complete with this frame. :param stream: 1 or 2: lines of both may overlap."""
        decoder = self._decoders.get(stream)
        if decoder is None:
            decoder = self._decoders[stream] = codecs.getincrementaldecoder("utf-8")("replace")
        return self.feed_text(decoder.decode(data), stream)

    def feed_text(self, text: str, stream: int = 1) -> list[LogLine]:
        """The same for text."""
        rest = self._rest.get(stream, "")
        if rest and self._stamped and (found := stamp(text)) is not None:
            text = text[found[1] :]  # dockerd stamps each part of a line of more than 16 KiB
        *complete, rest = (rest + text).split("\n")
        self._rest[stream] = rest
        return [self._line(line) for line in complete]

    def finish(self) -> list[LogLine]:
        """The lines that no line end followed."""
        left, self._rest = [rest for rest in self._rest.values() if rest], {}
        return [self._line(rest) for rest in left]

    def _line(self, raw: str) -> LogLine:
        moment = 0
        if self._stamped and (found := stamp(raw)) is not None:
            moment, place = found
            raw = raw[place:]
            self.last = max(self.last, moment)
        if "\r" in raw:
            raw = raw.removesuffix("\r").rpartition("\r")[2]  # what a terminal would show in the end
        if len(raw) > MAX_LINE:
            raw = f"{raw[:MAX_LINE]} … ({len(raw) - MAX_LINE:,} more characters)"
        text = plain(raw)
        level = level_of(text)
        if level is Level.NONE and self._level >= Level.WARNING and goes_on(text):
            level = self._level
        self._level = level
        return LogLine(moment, _same(self._source), level, text, raw if "\x1b" in raw else "")


@lru_cache(maxsize=1024)
def _same(text: str) -> str:
    """One object for the same name."""
    return text
