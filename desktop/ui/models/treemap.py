"""A treemap: rectangles whose areas are proportional to sizes, as square as can be; and the way between them.

The layout is that of Bruls, Huizing and van Wijk, "Squarified Treemaps" (2000).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ACROSS = 2.0
"""How much more a step across the direction counts than one along it."""


@dataclass(frozen=True)
class Rect:
    """A rectangle; y grows downwards."""

    x: float
    y: float
    width: float
    height: float

    @property
    def middle(self) -> tuple[float, float]:
        """Its centre."""
        return self.x + self.width / 2, self.y + self.height / 2

    def inset(self, margin: float, top: float = 0.0) -> Rect:
        """A smaller one inside. :param top: what is left out above, besides the margin."""
        width, height = self.width - 2 * margin, self.height - 2 * margin - top
        return Rect(self.x + margin, self.y + margin + top, max(0.0, width), max(0.0, height))


def squarify(sizes: Sequence[float], area: Rect) -> list[Rect]:
    """A rectangle for each size, together all of ``area``; in the order of the sizes, which is best descending.

    :raise ValueError: a size is not positive.
    """
    if any(size <= 0 for size in sizes):
        raise ValueError("sizes are positive")
    if not sizes or area.width <= 0 or area.height <= 0:
        return [Rect(area.x, area.y, 0.0, 0.0) for _ in sizes]
    scale = area.width * area.height / sum(sizes)
    left, found = [size * scale for size in sizes], list[Rect]()
    while left:
        side = min(area.width, area.height)
        count = 1
        while count < len(left) and _worst(left[: count + 1], side) <= _worst(left[:count], side):
            count += 1
        placed, area = _strip(left[:count], area)
        found += placed
        left = left[count:]
    return found


def _worst(sizes: Sequence[float], side: float) -> float:
    """The ratio of the sides of the least square one, in a strip along ``side``."""
    total = sum(sizes)
    return max(side**2 * max(sizes) / total**2, total**2 / (side**2 * min(sizes)))


def _strip(sizes: Sequence[float], area: Rect) -> tuple[list[Rect], Rect]:
    """Rectangles in a strip along the shorter side, and what is left beside it."""
    total, found, at = sum(sizes), list[Rect](), 0.0
    if area.width >= area.height:
        width = total / area.height
        for size in sizes:
            found.append(Rect(area.x, area.y + at, width, size / width))
            at += size / width
        return found, Rect(area.x + width, area.y, max(0.0, area.width - width), area.height)
    height = total / area.width
    for size in sizes:
        found.append(Rect(area.x + at, area.y, size / height, height))
        at += size / height
    return found, Rect(area.x, area.y + height, area.width, max(0.0, area.height - height))


def neighbour(places: Sequence[Rect], now: int, step: tuple[int, int]) -> int:
    """The rectangle nearest to one in a direction; itself if there is none.

    :param step: where to: ``(1, 0)`` is right, ``(0, -1)`` up.
    """
    (x, y), (dx, dy) = places[now].middle, step
    best, shortest = now, float("inf")
    for number, place in enumerate(places):
        along = (place.middle[0] - x) * dx + (place.middle[1] - y) * dy
        if dx:
            gap = max(0.0, place.y - y, y - place.y - place.height)
        else:
            gap = max(0.0, place.x - x, x - place.x - place.width)
        if number != now and along > 0 and along + ACROSS * gap < shortest:
            best, shortest = number, along + ACROSS * gap
    return best
