"""Slipway.exe opens the window, drawn by Windows' Qt, and starts the supervisor."""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

from installers.checkout import system
from tests.wine.prefix import fresh_prefix
from tests.wine.system import WineProgram, WineSystem
from tests.wine.windows import INSTALLED

SECONDS = 180.0


def title_of_window(wine: WineSystem, program: WineProgram) -> str:
    """The title of the one window whose name has Slipway in it, once it is there.

    :raise AssertionError: there is none in time, or the program has ended.
    """
    xdotool = system.find_program("xdotool")
    assert xdotool is not None
    own = {**os.environ, "DISPLAY": wine.display}
    argv = [xdotool, "search", "--onlyvisible", "--name", "Slipway", "getwindowname"]
    end = time.monotonic() + SECONDS
    while not (found := subprocess.run(argv, env=own, capture_output=True, text=True, check=False).stdout.strip()):
        assert program.is_running()
        assert time.monotonic() < end
        time.sleep(0.5)
    return found


def test_it_opens_and_starts_the_supervisor(payload: Path) -> None:
    with WineSystem(fresh_prefix(), {payload: INSTALLED}) as wine:
        program = wine.popen([rf"{INSTALLED}\Slipway.exe"])
        assert title_of_window(wine, program) == "Slipway"
        assert wait_for_supervisor(wine) > 0
        program.kill()
        assert program.wait() != 0


def wait_for_supervisor(wine: WineSystem) -> int:
    """The number of the supervisor's process, by the command line; it may be starting."""
    end = time.monotonic() + SECONDS
    while True:
        done = wine.run([rf"{INSTALLED}\bin\slipway.exe", "status", "--json"])
        pid = json.loads(done.output)["supervisor_pid"] if done.output else None
        if pid is not None:  # the engine does not run, as there is no image here
            return int(pid)
        assert time.monotonic() < end, done
        time.sleep(0.5)
