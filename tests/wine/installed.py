"""Slipway where it is installed on Windows, by its own commands."""

from __future__ import annotations

import json
import os
import subprocess
import time

from installers.checkout import system
from tests.wine.system import WineProgram, WineSystem

SECONDS = 180.0


def wait_for_supervisor(wine: WineSystem, folder: str) -> int:
    """The process of the supervisor, which the window starts.

    :param folder: where Slipway is installed.
    :raise AssertionError: there is none within :data:`SECONDS`.
    """
    end = time.monotonic() + SECONDS
    while True:
        done = wine.run([rf"{folder}\bin\slipway.exe", "status", "--json"])
        if done.output and (pid := json.loads(done.output)["supervisor_pid"]):
            return int(pid)
        assert time.monotonic() < end, done
        time.sleep(0.5)


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
