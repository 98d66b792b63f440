"""A clock that goes as fast as QEMU is given the processor."""

from __future__ import annotations

import pytest

from vm.qemu.work_clock import STARVED, WorkClock


class Times:
    """A wall clock and a process's processor time, set by the test."""

    def __init__(self) -> None:
        self.wall = 100.0
        self.cpu: float | None = 7.0

    def clock(self) -> WorkClock:
        return WorkClock(lambda: self.cpu, lambda: self.wall)

    def go(self, wall: float, cpu: float) -> None:
        self.wall += wall
        self.cpu = None if self.cpu is None else self.cpu + cpu


@pytest.mark.parametrize(
    ("wall", "cpu", "elapsed"),
    [
        (10, 9, 9),
        (10, 19, 10),  # two processors at work: never faster than the wall clock
        (10, 5, 5),
        (10, 0, 10 / STARVED),  # a guest that waits, or gets nothing
        (0, 0, 0),
    ],
)
def test_it_goes_as_fast_as_the_work(wall: float, cpu: float, elapsed: float) -> None:
    times = Times()
    clock = times.clock()
    times.go(wall, cpu)
    assert clock() == pytest.approx(elapsed)


def test_each_part_of_the_time_counts_for_itself() -> None:
    times = Times()
    clock = times.clock()
    times.go(10, 20)  # busy
    assert clock() == pytest.approx(10)
    times.go(30, 0)  # starved: what was worked before does not make up for it
    assert clock() == pytest.approx(10 + 30 / STARVED)


def test_without_the_process_it_is_the_wall_clock() -> None:
    times = Times()
    clock = times.clock()
    times.cpu = None
    times.go(4, 0)
    assert clock() == pytest.approx(4)
