"""How logs were left: what was searched for and shown, and the place in them. Kept from the window's start."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

MOST = 100
"""Logs whose looks are kept; the one that was left first goes first."""


@dataclass(frozen=True)
class Looks:
    """How a log was left.

    :ivar top: the moment of the first line on the screen, in nanoseconds since 1970; 0: the end is followed.
    :ivar more: what a kind of log adds.
    """

    search: str
    regex: bool
    only: bool
    level: int
    times: bool
    wrap: bool
    top: int
    more: Any = None


class Kept:
    """The looks of the logs that were left last, by what they are the logs of."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._looks: OrderedDict[str, Looks] = OrderedDict()

    def keep(self, key: str, looks: Looks) -> None:
        """Keep how a log is left."""
        self._looks[key] = looks
        self._looks.move_to_end(key)
        if len(self._looks) > self._most:
            self._looks.popitem(last=False)

    def recall(self, key: str) -> Looks | None:
        """How it was left; None: it was not, or too long ago."""
        return self._looks.get(key)
