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

from vm.errors import GuestClockError, LinkError, MachineError

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

FASTEST = 1.25
"""How many times faster than the host's the guest's clock may seem; under emulation it is sometimes 1.3 to 10."""

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

    :raise MachineError, LinkError: the guest does not answer.
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
        raise LinkError("The guest does not answer with its time")
    return best


async def synchronise(ask: Ask, *, wall: Clock = time.time, steady: Clock = time.monotonic) -> Offset:
    """Correct the guest's clock as far as its error is certain; returns how it was.

    :raise MachineError, LinkError: the guest does not answer, or cannot.
    """
    offset = await measure(ask, wall=wall, steady=steady)
    off = abs(offset.ahead)
    if off > max(offset.doubt, LEAST):
        way = "slew" if off < STEP else "step"
        log.info("the guest's clock is %.1f ms ahead (±%.1f): %s", offset.ahead * 1e3, offset.doubt * 1e3, way)
        await ask(f"adjust {way} {round(-offset.ahead * 1e6)}")
    return offset


@dataclass(frozen=True)
class _Sample:
    """The guest's uptime, read at some moment between ``sent`` and ``received`` of the host's clock."""

    uptime: float
    sent: float
    received: float


class SpeedCheck:
    """Compares the speed of the guest's clock with the host's over the time of a boot.

    A kernel that measures its processor's frequency while the host starves it goes wrong by that for good. The
    comparison allows for the whole of both round trips, so a busy host alone never fails it.
    """

    def __init__(self, steady: Clock = time.monotonic) -> None:
        self._steady = steady
        self._first: _Sample | None = None

    async def begin(self, ask: Ask) -> None:
        """Look at the guest's uptime for the first time."""
        self._first = await self._sample(ask)

    async def finish(self, ask: Ask) -> None:
        """Compare with the first sample. A guest that does not report its uptime is not checked.

        :raise GuestClockError: its clock is certainly too fast.
        """
        first, second = self._first, await self._sample(ask)
        if first is None or second is None:
            return
        there, here = second.uptime - first.uptime, second.received - first.sent
        if here > 0 and there > FASTEST * here:
            raise GuestClockError(
                "The machine's clock runs too fast",
                "Starting it again usually helps.",
                f"it advanced {there:.2f} s in {here:.2f} s",
            )

    async def _sample(self, ask: Ask) -> _Sample | None:
        sent = self._steady()
        try:
            return _Sample(float(await ask("ping")), sent, self._steady())
        except (MachineError, ValueError) as error:
            log.info("the guest did not report its uptime: %s", error)
            return None


async def keep_time(
    set_time: Callable[[], Awaitable[None]],
    *,
    wall: Clock = time.time,
    steady: Clock = time.monotonic,
    look: float = LOOK,
) -> None:
    """Call ``set_time`` at once, after sleep, after a jump and every :data:`INTERVAL` seconds, until cancelled."""
    while True:
        await set_time()
        done = looked = steady()
        offset = wall() - done
        while True:
            await asyncio.sleep(look)  # no portable event reports that the clock was set
            now = steady()
            slept = now - looked > look + GAP
            looked = now
            if slept or now - done >= INTERVAL or abs(wall() - now - offset) > TOLERANCE:
                break
