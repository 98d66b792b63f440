"""A start goes on when its terminal is closed, or its client killed; Ctrl-C and SIGTERM undo it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cli import Program
from tests.e2e.leftovers import assert_nothing_left, processes_of
from tests.e2e.terminal import INTERRUPT, Terminal, terminal
from tests.unit.desktop.cli.conftest import MakeSlipway

UNDER_WAY = "booting Linux"


def status(slipway: Program) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(slipway.run("status", "--json").out)
    return told


def await_state(slipway: Program, wanted: str) -> dict[str, Any]:
    """The status once the state is the wanted one."""
    end = time.monotonic() + 60
    while (told := status(slipway))["state"] != wanted:
        assert time.monotonic() < end, told
        time.sleep(0.2)
    return told


def go_on(home: Path) -> None:
    """Let the start go on that a scenario has held."""
    (home / "go-on").touch()


def killed(shown: Terminal) -> None:
    os.kill(shown.process.pid, signal.SIGKILL)


@pytest.mark.parametrize(
    ("command", "scenario", "leave"),
    [("start", "held", Terminal.close), ("restart", "held,running", Terminal.close), ("start", "held", killed)],
    ids=["start, closed", "restart, closed", "start, killed"],
)
def test_who_just_leaves_undoes_nothing(
    make_slipway: MakeSlipway, home: Path, command: str, scenario: str, leave: Callable[[Terminal], None]
) -> None:
    slipway = make_slipway(scenario)
    with terminal(slipway, command) as shown:
        shown.expect(UNDER_WAY)
        leave(shown)
        assert status(slipway)["state"] == "starting"
        go_on(home)
        assert await_state(slipway, "running")["note"] == ""
        shown.finish()


def test_a_terminal_that_is_closed_before_anything_has_begun(make_slipway: MakeSlipway, home: Path) -> None:
    slipway = make_slipway("slow")
    with terminal(slipway, "start", shell=True) as shown:
        end = time.monotonic() + 30
        while not [line for line in processes_of(home) if "desktop.supervisor" in line]:
            assert time.monotonic() < end
        shown.close()
        await_state(slipway, "running")


def test_what_fails_afterwards_is_in_the_status(make_slipway: MakeSlipway) -> None:
    slipway = make_slipway("slow,failing")
    with terminal(slipway, "start") as shown:
        shown.expect("looking for hardware acceleration")
        shown.close()
        told = await_state(slipway, "failed")
    assert told["stage"] == "looking for hardware acceleration"
    assert told["failure"]["message"] == "QEMU ended in the trial boot"


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda shown: shown.press(INTERRUPT), 130),
        (lambda shown: os.kill(shown.process.pid, signal.SIGTERM), 143),
    ],
    ids=["Ctrl-C", "SIGTERM"],
)
def test_who_ends_it_undoes_it(make_slipway: MakeSlipway, end: Callable[[Terminal], None], code: int) -> None:
    slipway = make_slipway("held")
    with terminal(slipway, "start") as shown:
        shown.expect(UNDER_WAY)
        end(shown)
        shown.expect("The start was cancelled")
        assert shown.finish() == code
    told = slipway.run("status")
    assert told.code == 3
    assert "The start was cancelled" in told.out
    assert b"Traceback" not in shown.shown


def test_another_client_waits_for_it(make_slipway: MakeSlipway, home: Path) -> None:
    slipway = make_slipway("held")
    with terminal(slipway, "start") as first, terminal(slipway, "start") as second:
        first.expect(UNDER_WAY)
        second.expect(UNDER_WAY)
        first.press(INTERRUPT)
        first.expect("so it goes on")
        go_on(home)
        assert first.finish() == 130
        second.expect("answers on")
        assert second.finish() == 0


@pytest.mark.parametrize("command", [("stop",), ("reset", "--yes")], ids=" ".join)
def test_what_stops_the_engine_goes_on_to_its_end(
    make_slipway: MakeSlipway, home: Path, command: tuple[str, ...]
) -> None:
    slipway = make_slipway("slow,running")
    slipway("settings", "get")  # starts the supervisor
    with terminal(slipway, *command) as shown:
        shown.expect("stopping")
        shown.close()
        assert_nothing_left(home)


def test_a_stop_whose_output_fails_is_a_stop(make_slipway: MakeSlipway, home: Path) -> None:
    slipway = make_slipway("running")
    slipway("settings", "get")  # starts the supervisor
    with Path("/dev/full").open("wb") as full:
        argv = [*slipway.argv, "stop"]
        done = subprocess.run(argv, env=slipway.full_environment, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, b"No space left" in done.stderr) == (1, True)
    assert not processes_of(home)
