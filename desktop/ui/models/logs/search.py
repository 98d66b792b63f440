"""All matches of an expression in the shown lines: how many there are, and which one is next.

Each line's matches are counted once. A search looks at the newest lines first, a little at a time.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from desktop.ui.models.logs.book import Cut, Put, Step, Trim
from desktop.ui.models.logs.lines import LogLine

LONGEST = 2000
"""Matches of one line that are counted."""


@dataclass(frozen=True)
class Match:
    """One match: its line's row, and where in the line's text it begins and ends."""

    row: int
    start: int
    end: int


def compiled(text: str, *, regex: bool) -> re.Pattern[str] | None:
    """What to look for, ignoring case. None for nothing.

    :raise re.error: it is not a regular expression.
    """
    return re.compile(text if regex else re.escape(text), re.IGNORECASE) if text else None


class LogSearch:
    """See the module. :ivar pattern: what is looked for; None: nothing."""

    def __init__(self, shown: Sequence[LogLine]) -> None:
        self.pattern: re.Pattern[str] | None = None
        self._shown = shown
        self._counts: list[int] = []
        self._left = 0
        self.total = 0

    @property
    def under_way(self) -> bool:
        """Whether there are lines that it has not looked at."""
        return self._left > 0

    def start(self, pattern: re.Pattern[str] | None) -> None:
        """Look for something else."""
        self.pattern, self.total = pattern, 0
        self._counts = [0] * len(self._shown)
        self._left = len(self._shown) if pattern is not None else 0

    def follow(self, step: Step, shown: Sequence[LogLine]) -> None:
        """The shown lines have changed. :param shown: those of now."""
        self._shown = shown
        if isinstance(step, Put):
            new = [self._count(line) for line in step.lines]
            self._counts[step.row : step.row] = new
            self.total += sum(new)
            if step.row < self._left:
                self._left += len(new)
        elif isinstance(step, Cut):
            self.total -= sum(islice(self._counts, step.count))
            del self._counts[: step.count]
            self._left = max(0, self._left - step.count)
        elif isinstance(step, Trim):
            self.total -= sum(islice(self._counts, step.row, None))
            del self._counts[step.row :]
            self._left = min(self._left, step.row)
        else:
            self._counts, self._left, self.total = [], 0, 0

    def look(self, most: int) -> None:
        """Look at some more lines."""
        first = max(0, self._left - most)
        for row in range(first, self._left):
            if not self._counts[row]:
                self._counts[row] = self._count(self._shown[row])
                self.total += self._counts[row]
        self._left = first

    def matches(self, row: int) -> list[Match]:
        """Those of one line."""
        if self.pattern is None:
            return []
        found = islice(self.pattern.finditer(self._shown[row].text), LONGEST)
        return [Match(row, one.start(), one.end()) for one in found if one.end() > one.start()]

    def next(self, row: int, place: int, *, backward: bool) -> Match | None:
        """The match after a place in a line's text, or before it; at the end it begins again."""
        lines = len(self._counts)
        if not self.total or not lines:
            return None
        row = min(max(row, 0), lines - 1)
        for one in reversed(self.matches(row)) if backward else self.matches(row):
            if one.end <= place if backward else one.start >= place:
                return one
        step = -1 if backward else 1
        for distance in range(1, lines + 1):
            other = (row + step * distance) % lines
            if self._counts[other] and (found := self.matches(other)):
                return found[-1] if backward else found[0]
        return None

    def number(self, match: Match) -> int:
        """Which one it is, from 1 on."""
        before = sum(islice(self._counts, match.row))
        return before + next((n for n, one in enumerate(self.matches(match.row), 1) if one == match), 1)

    def _count(self, line: LogLine) -> int:
        if self.pattern is None:
            return 0
        if self.pattern.search(line.text) is None:
            return 0
        return sum(1 for one in islice(self.pattern.finditer(line.text), LONGEST) if one.end() > one.start())
