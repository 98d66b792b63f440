"""Keeping the guest's clock at the host's: its system clock does not follow the host over sleep, pause or a jump.

The guest's time is asked for over the control port and compared with the middle of the round trip, so the doubt is
half of it (RFC 5905 section 8 has the same reasoning). What is corrected is the difference, which, other than a
time, does not age on its way. The host's wall clock is compared with its monotonic one: when they part, or when
nothing ran for a while, the computer slept or somebody set the clock, and the guest is looked after at once.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from vm.errors import LinkError

log = logging.getLogger(__name__)

INTERVAL = 30.0
LOOK = 1.0
"""Seconds between looks at the two clocks."""

TOLERANCE = 0.05
"""Seconds the clocks may part within one interval before it counts as a jump; NTP may slew 15 ms in that time."""

GAP = 5.0
"""Seconds without a look, besides :data:`LOOK`, that count as sleep; on Windows both clocks go on meanwhile."""

TRIES = 6
GOOD_TRIP = 0.012
"""Seconds of a round trip that is as good as it gets; otherwise the best of :data:`TRIES` counts."""

LEAST = 0.001
STEP = 0.02
"""Seconds: what is less than LEAST is left, what is less than STEP is slewed: time does not go backwards then."""

Clock = Callable[[], float]
Ask = Callable[[str], Awaitable[str]]
"""Sends the control port's command and returns what follows its ``ok``."""


@dataclass(frozen=True)
class Offset:
    """How far the guest's clock is ahead of the host's, and by how much that may be wrong, both in seconds."""

    ahead: float
    doubt: float


async def measure(ask: Ask, *, wall: Clock = time.time, steady: Clock = time.monotonic) -> Offset:
    """Compare the clocks, by the shortest of a few round trips.

    :raise MachineError, LinkError: the guest does not tell.
    """
    best: Offset | None = None
    for _ in range(TRIES):
        mark = secrets.token_hex(4)
        began, sent = steady(), wall()
        echo, _, told = (await ask(f"clock {mark}")).partition(" ")
        trip = steady() - began
        if echo != mark:
            continue  # an answer to a question that was given up
        found = Offset(float(told) - (sent + trip / 2), trip / 2)
        best = found if best is None or found.doubt < best.doubt else best
        if trip <= GOOD_TRIP:
            break
    if best is None:
        raise LinkError("The guest does not tell its time")
    return best


async def synchronise(ask: Ask, *, wall: Clock = time.time, steady: Clock = time.monotonic) -> Offset:
    """Put the guest's clock right as far as that is certain; tells how it was.

    :raise MachineError, LinkError: the guest does not answer, or cannot.
    """
    offset = await measure(ask, wall=wall, steady=steady)
    off = abs(offset.ahead)
    if off > max(offset.doubt, LEAST):
        way = "slew" if off < STEP else "step"
        log.info("the guest's clock is %.1f ms ahead (±%.1f): %s", offset.ahead * 1e3, offset.doubt * 1e3, way)
        await ask(f"adjust {way} {round(-offset.ahead * 1e6)}")
    return offset


async def keep_time(
    tell: Callable[[], Awaitable[None]],
    *,
    wall: Clock = time.time,
    steady: Clock = time.monotonic,
    look: float = LOOK,
) -> None:
    """Call ``tell`` at once, after sleep, after each jump, and every :data:`INTERVAL` seconds; for ever."""
    while True:
        await tell()
        told = looked = steady()
        offset = wall() - told
        while True:
            await asyncio.sleep(look)  # no portable event tells that somebody has set the clock
            now = steady()
            slept = now - looked > look + GAP
            looked = now
            if slept or now - told >= INTERVAL or abs(wall() - now - offset) > TOLERANCE:
                break
