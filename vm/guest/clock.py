"""Keeping the guest's clock at the host's: its system clock does not follow the host over sleep, pause or a jump.

The host's wall clock is compared with its monotonic one: when they part, the computer slept or somebody set the
clock, and the guest is told at once; otherwise every half minute.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

INTERVAL = 30.0
LOOK = 2.0
"""Seconds between looks at the two clocks."""

TOLERANCE = 0.5
"""Seconds the clocks may part within one look before it counts as a jump."""


def time_command(now: float) -> str:
    """The control port's command that sets the guest's clock to ``now``, seconds since the epoch."""
    return f"time {now:.3f}"


async def keep_time(
    tell: Callable[[], Awaitable[None]],
    *,
    wall: Callable[[], float] = time.time,
    steady: Callable[[], float] = time.monotonic,
    look: float = LOOK,
) -> None:
    """Call ``tell`` at once, after each jump of the host's clock, and every :data:`INTERVAL` seconds; for ever."""
    while True:
        await tell()
        told, offset = steady(), wall() - steady()
        # no portable event tells that somebody has set the clock, or that the computer slept
        while steady() - told < INTERVAL and abs(wall() - steady() - offset) < TOLERANCE:
            await asyncio.sleep(look)  # no event tells that somebody has set the clock
