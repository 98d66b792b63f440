"""The lines of one or several logs, in order of time: those that are held, and those of them that are shown.

The view does what :meth:`LogBook.take` returns, a little at a time, so that it never takes long: a filter over
100,000 lines and a burst of new ones are the same work. What is held is bounded; the oldest lines go first.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter

from desktop.ui.models.logs.lines import LogLine

MOST_LINES = 100_000
MOST_CHARACTERS = 40_000_000
SPARE = 100
"""More than one hundredth of the lines is dropped at a time."""

MOST_LATE = 20
"""Late lines that are put in one by one; for more, all from the first one on are shown anew."""

Test = Callable[[LogLine], bool]


@dataclass(frozen=True)
class Put:
    """Show these lines from this row on; those that were there move down."""

    row: int
    lines: Sequence[LogLine]


@dataclass(frozen=True)
class Cut:
    """Remove so many rows from the beginning."""

    count: int


@dataclass(frozen=True)
class Trim:
    """Remove the rows from this one on."""

    row: int


@dataclass(frozen=True)
class Reset:
    """Remove all rows."""


Step = Put | Cut | Trim | Reset


class LogBook:
    """See the module.

    :ivar held: all lines.    :ivar shown: those that the view has.    :ivar dropped: how many are no longer held.
    """

    def __init__(self, most_lines: int = MOST_LINES, most_characters: int = MOST_CHARACTERS) -> None:
        self._most_lines, self._most_characters = most_lines, most_characters
        self.held: list[LogLine] = []
        self.shown: list[LogLine] = []
        self.dropped = 0
        self._characters = 0
        self._next = 0
        self._test: Test | None = None
        self._steps: list[Step] = []

    @property
    def pending(self) -> bool:
        """Whether the view has something to do."""
        return bool(self._steps) or self._next < len(self.held)

    def clear(self) -> None:
        """Forget all lines."""
        self.held, self.dropped, self._characters = [], 0, 0
        self._begin()

    def choose(self, test: Test | None) -> None:
        """Show the lines that pass; None: all."""
        self._test = test
        self._begin()

    def keep_sources(self, sources: set[str]) -> None:
        """Forget the lines of all others."""
        if any(line.source not in sources for line in self.held):
            self.held = [line for line in self.held if line.source in sources]
            self._characters = sum(len(line.text) for line in self.held)
            self._begin()

    def _begin(self) -> None:
        self.shown, self._next, self._steps = [], 0, [Reset()]

    def add(self, lines: Sequence[LogLine]) -> None:
        """Take new lines. Those without a time come last; others may be late."""
        if not lines:
            return
        late = []
        held, newest = self.held, self.held[-1].moment if self.held else 0
        for line in lines:
            if line.moment and line.moment < newest:
                late.append(line)
            else:
                held.append(line if line.moment or not newest else line._replace(moment=newest))
                newest = held[-1].moment
            self._characters += len(line.text)
        if late:
            self._put_late(late)
        self._bound()

    def _put_late(self, late: list[LogLine]) -> None:
        if len(late) > MOST_LATE:
            self.held += late
            self.held.sort(key=attrgetter("moment"))  # of nearly sorted lines it takes little
            first = min(line.moment for line in late)
            self._next = min(self._next, bisect_left(self.held, first, key=attrgetter("moment")))
            row = bisect_left(self.shown, first, key=attrgetter("moment"))
            if row < len(self.shown):
                del self.shown[row:]
                self._steps.append(Trim(row))
            return
        for line in late:
            place = bisect_right(self.held, line.moment, key=attrgetter("moment"))
            self.held.insert(place, line)
            if place < self._next:
                self._next += 1
                if self._test is None or self._test(line):
                    row = bisect_right(self.shown, line.moment, key=attrgetter("moment"))
                    self.shown.insert(row, line)
                    self._steps.append(Put(row, (line,)))

    def _bound(self) -> None:
        if len(self.held) <= self._most_lines and self._characters <= self._most_characters:
            return
        count = max(0, len(self.held) - self._most_lines + self._most_lines // SPARE)
        gone = sum(len(line.text) for line in islice(self.held, count))
        while self._characters - gone > self._most_characters and count < len(self.held) - 1:
            gone += len(self.held[count].text)
            count += 1
        rows = self._rows_of(count)
        del self.held[:count]
        self._characters -= gone
        self.dropped += count
        self._next = max(0, self._next - count)
        if rows:
            del self.shown[:rows]
            self._steps.append(Cut(rows))

    def _rows_of(self, count: int) -> int:
        """How many rows the first ``count`` lines have."""
        looked_at = islice(self.held, min(count, self._next))
        return sum(1 for line in looked_at if self._test is None or self._test(line))

    def take(self, most: int) -> list[Step]:
        """What the view has to do next, after a look at no more than ``most`` lines."""
        steps, self._steps = self._steps, []
        found = self.held[self._next : self._next + most]
        self._next += len(found)
        passed = found if self._test is None else list(filter(self._test, found))
        if passed:
            row = len(self.shown)
            self.shown += passed
            steps.append(Put(row, passed))
        return steps
