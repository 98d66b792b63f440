"""What to do when QEMU ends by itself: start it again, with growing pauses, a few times."""

from __future__ import annotations

import time
from collections import deque

PAUSES = (0.0, 2.0, 10.0)
"""Seconds before the first, second and third restart within one window."""

WINDOW = 600.0
"""Seconds after which an old crash no longer counts."""


class RestartPolicy:
    """Counts crashes. One that comes after a quiet :data:`WINDOW` is the first again."""

    def __init__(self) -> None:
        self._crashes: deque[float] = deque()

    def next_pause(self) -> float | None:
        """Note a crash now: the seconds to wait before starting again, or None when it is time to give up."""
        now = time.monotonic()
        while self._crashes and now - self._crashes[0] > WINDOW:
            self._crashes.popleft()
        self._crashes.append(now)
        return PAUSES[len(self._crashes) - 1] if len(self._crashes) <= len(PAUSES) else None

    def forgive(self) -> None:
        """The user started the machine: earlier crashes do not count."""
        self._crashes.clear()
