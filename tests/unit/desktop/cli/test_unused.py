"""Queries with the machine off leave no supervisor behind; the real supervisor, and no machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import psutil
import pytest

from desktop.supervisor.process import UNUSED_SECONDS
from tests.e2e.leftovers import assert_nothing_left, processes_of
from tests.unit.desktop.cli.conftest import slipway_of
from vm.qemu.record import Record

STALE = Record(4_000_000, "gone", 1, "q", "c", "i", "tcg", 0.0)
"""What a QEMU that has ended, and whose supervisor was killed, leaves behind."""


def test_queries_leave_no_supervisor_behind(home: Path) -> None:
    slipway = slipway_of(home, "")
    for query in ("ports", "folders"):
        slipway(query)
    assert not processes_of(home)
    slipway("settings", "get")
    slipway("settings", "set", "wait_seconds", "61")
    slipway("menu", "remove")
    slipway("disk", "info")
    slipway("context", "show")
    assert len(processes_of(home)) == 1  # one for all of them
    assert_nothing_left(home, UNUSED_SECONDS + 15)
    STALE.write(home / "run" / "qemu.json")
    slipway("ports")
    assert len(processes_of(home)) == 1
    assert_nothing_left(home, UNUSED_SECONDS + 15)
    assert not (home / "run" / "qemu.json").exists()


def test_one_that_was_asked_to_stay_stays(home: Path) -> None:
    slipway = slipway_of(home, "running")
    assert slipway("stop", "--keep-supervisor")
    slipway("settings", "get")
    (line,) = processes_of(home)
    supervisor = psutil.Process(int(line.partition(":")[0]))
    try:
        supervisor.wait(UNUSED_SECONDS + 3)
    except psutil.TimeoutExpired:
        return
    raise AssertionError("it has ended")


@pytest.mark.parametrize("number", range(3))
def test_a_stop_ends_one_whose_starter_was_killed(home: Path, number: int) -> None:
    """However far the supervisor has come: the client is killed as soon as there is a process."""
    slipway = slipway_of(home, "empty")
    starting = subprocess.Popen([*slipway.argv, "settings", "get"], env=slipway.full_environment)
    while not any("desktop.supervisor" in line for line in processes_of(home)):
        assert starting.poll() is None
    starting.kill()
    starting.wait()
    slipway("stop")
    assert not processes_of(home)
