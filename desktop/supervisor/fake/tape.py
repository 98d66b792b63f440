"""The last items of an endless sequence, so that the stand-in does not grow while it runs for hours."""

from __future__ import annotations

import itertools
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Tape(Generic[T]):
    """Items by their number since the beginning. :ivar end: the number the next one gets."""

    def __init__(self, kept: int) -> None:
        self._items: deque[T] = deque(maxlen=kept)
        self.end = 0

    @property
    def begin(self) -> int:
        """The number of the first that is kept."""
        return self.end - len(self._items)

    def add(self, item: T) -> None:
        """Add one, dropping the oldest if there are too many."""
        self._items.append(item)
        self.end += 1

    def since(self, number: int) -> list[T]:
        """What is kept from that number on."""
        return list(itertools.islice(self._items, max(0, number - self.begin), None))

    def clear(self) -> None:
        """Forget what is kept."""
        self._items.clear()
