"""Keeping the guest's time: at once, after a jump, and every half minute; with clocks of the test's own."""

from __future__ import annotations

import asyncio

import pytest

from vm.guest import clock
from vm.guest.clock import keep_time, time_command


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


async def run(clocks: Clocks, steps: list[tuple[float, float]]) -> list[int]:
    """Move the clocks by (steady, jump) steps; how many times the guest was told after each."""
    task = asyncio.create_task(keep_time(clocks.tell, wall=clocks.wall, steady=lambda: clocks.steady, look=0))
    counts = []
    for steady, jump in steps:
        clocks.steady += steady
        clocks.jump += jump
        for _ in range(5):
            await asyncio.sleep(0)
        counts.append(len(clocks.told))
    task.cancel()
    await asyncio.wait([task])
    return counts


async def test_told_at_once_then_twice_a_minute(clocks: Clocks) -> None:
    assert await run(clocks, [(0, 0), (10, 0), (19, 0), (2, 0), (29, 0), (2, 0)]) == [1, 1, 1, 2, 2, 3]


@pytest.mark.parametrize("jump", [3600.0, -3600.0, 0.6])
async def test_a_jump_is_told_at_once(clocks: Clocks, jump: float) -> None:
    assert await run(clocks, [(0, 0), (2, 0), (2, jump), (2, 0)]) == [1, 1, 2, 2]


async def test_a_clock_being_slewed_is_not_a_jump(clocks: Clocks) -> None:
    assert await run(clocks, [(0, 0), (2, 0.01), (2, 0.01)]) == [1, 1, 1]


def test_the_command_has_the_fraction() -> None:
    assert time_command(1_800_000_000.1239) == "time 1800000000.124"
    assert clock.INTERVAL <= 30
