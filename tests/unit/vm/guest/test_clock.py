"""Keeping the guest's time: at once, after a jump, and every half minute; with clocks of the test's own."""

from __future__ import annotations

import asyncio

import pytest

from vm.errors import GuestClockError, LinkError
from vm.guest import clock
from vm.guest.clock import SpeedCheck, keep_time, measure, synchronise


class Clocks:
    """A wall clock and a steady one that move only when told."""

    def __init__(self) -> None:
        self.steady = 100.0
        self.jump = 0.0
        self.told: list[float] = []

    def wall(self) -> float:
        return self.steady + 1_800_000_000 + self.jump

    async def tell(self) -> None:
        self.told.append(self.wall())


@pytest.fixture
async def clocks() -> Clocks:
    return Clocks()


async def run(clocks: Clocks, steps: list[tuple[float, float]], *, asleep: bool = False) -> list[int]:
    """Move the clocks by (steady, jump) steps; how many times the guest was told after each."""
    task = asyncio.create_task(keep_time(clocks.tell, wall=clocks.wall, steady=lambda: clocks.steady, look=0))
    counts = []
    for steady, jump in steps:
        clocks.jump += jump
        for _ in range(1 if asleep else max(1, round(steady))):
            clocks.steady += steady if asleep else steady / max(1, round(steady))
            for _ in range(5):
                await asyncio.sleep(0)
        counts.append(len(clocks.told))
    task.cancel()
    await asyncio.wait([task])
    return counts


async def test_told_at_once_then_twice_a_minute(clocks: Clocks) -> None:
    assert await run(clocks, [(0, 0), (10, 0), (19, 0), (2, 0), (28, 0), (2, 0)]) == [1, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 0.1])
async def test_a_jump_is_told_at_once(clocks: Clocks, jump: float) -> None:
    assert await run(clocks, [(0, 0), (2, 0), (2, jump), (2, 0)]) == [1, 1, 2, 2]


async def test_a_computer_that_slept_with_both_clocks_going_on(clocks: Clocks) -> None:
    assert await run(clocks, [(0, 0), (2, 0), (12, 0), (2, 0)], asleep=True) == [1, 1, 2, 2]


async def test_a_clock_being_slewed_is_not_a_jump(clocks: Clocks) -> None:
    assert await run(clocks, [(0, 0), (2, 0.01), (2, 0.01)]) == [1, 1, 1]


class Guest:
    """A guest whose clock is ``ahead`` of the host's, at the end of a line of ``delays``, one for each message."""

    def __init__(self, ahead: float, delays: list[float]) -> None:
        self.now, self.ahead, self.delays = 1000.0, ahead, delays
        self.adjusted: list[str] = []

    def wall(self) -> float:
        return self.now + 1_800_000_000

    async def ask(self, command: str) -> str:
        word, _, rest = command.partition(" ")
        if word == "adjust":
            self.adjusted.append(rest)
            self.ahead += int(rest.partition(" ")[2]) / 1e6
            return ""
        there, back = (self.delays.pop(0), self.delays.pop(0)) if len(self.delays) > 1 else (0.001, 0.001)
        self.now += there
        told = self.wall() + self.ahead
        self.now += back
        return f"{rest} {told:.6f}"


@pytest.mark.parametrize(
    ("ahead", "way"),
    [(0.0, ""), (0.0005, ""), (0.015, "slew"), (-0.015, "slew"), (0.3, "step"), (-3600.0, "step"), (2e8, "step")],
)
async def test_the_clock_is_put_right(ahead: float, way: str) -> None:
    guest = Guest(ahead, [])
    found = await synchronise(guest.ask, wall=guest.wall, steady=lambda: guest.now)
    assert found.ahead == pytest.approx(ahead, abs=found.doubt + 1e-6)
    assert [told.partition(" ")[0] for told in guest.adjusted] == ([way] if way else [])
    assert abs(guest.ahead) <= 0.0011


async def test_the_shortest_way_counts() -> None:
    guest = Guest(0.0, [0.5, 0.001, 0.3, 0.0, 0.004, 0.004])  # slow and lopsided at first
    found = await measure(guest.ask, wall=guest.wall, steady=lambda: guest.now)
    assert found.ahead == pytest.approx(0.0, abs=1e-6)
    assert found.doubt == pytest.approx(0.004)


async def test_nothing_is_done_in_doubt() -> None:
    guest = Guest(0.1, [0.5, 0.5] * clock.TRIES)
    await synchronise(guest.ask, wall=guest.wall, steady=lambda: guest.now)
    assert guest.adjusted == []


async def test_a_late_answer_is_not_taken_for_another() -> None:
    guest = Guest(0.0, [])
    answers = ["0 1.0"]

    async def ask(command: str) -> str:
        return answers.pop() if answers else await guest.ask(command)

    assert (await measure(ask, wall=guest.wall, steady=lambda: guest.now)).ahead == pytest.approx(0.0, abs=1e-3)


class Boot:
    """A guest whose uptime goes ``speed`` times as fast as the host; each question takes ``trip`` seconds."""

    def __init__(self, speed: float, trip: float, answer: str = "") -> None:
        self.now, self.speed, self.trip, self.answer = 500.0, speed, trip, answer

    async def ask(self, line: str) -> str:
        assert line == "ping"
        self.now += self.trip
        if self.answer == "silence":
            raise LinkError("The guest did not answer")
        return self.answer or str((self.now - 480) * self.speed)

    async def check(self, seconds: float) -> None:
        speed = SpeedCheck(lambda: self.now)
        await speed.begin(self.ask)
        self.now += seconds
        await speed.finish(self.ask)


@pytest.mark.parametrize(
    ("speed", "trip", "seconds"),
    [
        (1.0, 0.0, 10),
        (1.0, 3.0, 10),
        (1.2, 0.01, 10),
        (0.2, 0.01, 10),  # held up, not fast
        (1.3, 2.0, 3),  # too fast, but the host was too busy to be certain
    ],
)
async def test_clocks_that_may_be_right(speed: float, trip: float, seconds: float) -> None:
    await Boot(speed, trip).check(seconds)


@pytest.mark.parametrize(("speed", "trip", "seconds"), [(1.3, 0.0, 10), (1.3, 0.2, 10), (10.0, 2.0, 5)])
async def test_clocks_that_are_too_fast(speed: float, trip: float, seconds: float) -> None:
    with pytest.raises(GuestClockError) as caught:
        await Boot(speed, trip).check(seconds)
    assert "it advanced" in caught.value.detail


@pytest.mark.parametrize("answer", ["silence", "soon", " "])
async def test_a_guest_that_tells_no_uptime_is_not_checked(answer: str) -> None:
    await Boot(10, 0, answer).check(10)
