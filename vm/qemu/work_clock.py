"""A clock for deadlines that goes only as fast as QEMU is given the processor.

A guest that boots in ten seconds needs a minute where ten other programs want the same two processors. That is not
a hang, and a deadline of the wall clock cannot distinguish the two.
"""

from __future__ import annotations

import time
from collections.abc import Callable

STARVED = 3.0
"""How many times slower than the wall clock it goes at most: a guest that waits without working is ended, too."""


class WorkClock:
    """Seconds of work, read by calling it; never faster than the wall clock, nor slower than a third of it.

    :param cpu_seconds: processor time that QEMU has used so far; None when that is not known.
    :param steady: the wall clock, monotonic.
    """

    def __init__(
        self, cpu_seconds: Callable[[], float | None], steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._cpu_seconds = cpu_seconds
        self._steady = steady
        self._wall = steady()
        self._cpu = cpu_seconds()
        self._elapsed = 0.0

    def __call__(self) -> float:
        """Seconds since it was made."""
        wall, cpu = self._steady(), self._cpu_seconds()
        passed = wall - self._wall
        worked = passed if cpu is None or self._cpu is None else cpu - self._cpu
        self._elapsed += min(passed, max(worked, passed / STARVED))
        self._wall, self._cpu = wall, cpu
        return self._elapsed
