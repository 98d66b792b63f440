"""Slipway's programs: which ends which, and what the user's session does to them.

The cases are scripts, since pytest is not in the package: *_cases.py.
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from pathlib import Path

import pytest

from installers.checkout import system
from tests.wine.prefix import fresh_prefix
from tests.wine.system import WineSystem
from tests.wine.windows import CLI, DOCKER, INSTALLED, PYTHON

SECONDS = 180.0


@pytest.mark.parametrize(
    ("script", "cases"), [("program_cases.py", 6), ("session_cases.py", 6), ("console_cases.py", 2)]
)
def test_every_case_passes(wine: WineSystem, script: str, cases: int) -> None:
    (wine.drive_c / script).write_bytes((Path(__file__).parent / script).read_bytes())
    done = wine.run([PYTHON, rf"C:\{script}"], seconds=480)
    assert done.code == 0, f"{done.output}{done.errors}"
    assert len([line for line in done.output.splitlines() if line.startswith("passed ")]) == cases, done


def supervisor(wine: WineSystem, environment: dict[str, str] | None = None) -> int | None:
    """The number of the supervisor's process; None when none runs."""
    pid = json.loads(wine.run([CLI, "status", "--json"], environment).output)["supervisor_pid"]
    return None if pid is None else int(pid)


def test_the_session_ends(payload: Path) -> None:
    """The supervisor is asked, and has ended in order when Windows goes on."""
    with WineSystem(fresh_prefix(), {payload: INSTALLED}) as wine:
        fake = {"SLIPWAY_FAKE": "running"}
        assert wine.run([CLI, "start"], fake).code == 0
        assert supervisor(wine) is not None
        assert wine.run(["wineboot", "--end-session"], seconds=SECONDS).code == 0
        log = wine.drive_c / "users" / "slipway" / "AppData" / "Local" / "Slipway" / "logs" / "supervisor.log"
        assert "the session ends" in log.read_text(encoding="utf-8")
        assert supervisor(wine) is None


def test_taskkill_asks_the_supervisor_to_end(payload: Path) -> None:
    with WineSystem(fresh_prefix(), {payload: INSTALLED}) as wine:
        fake = {"SLIPWAY_FAKE": "running"}
        assert wine.run([CLI, "start"], fake).code == 0
        pid = supervisor(wine)
        assert wine.run(["taskkill", "/pid", str(pid)]).code == 0
        end = time.monotonic() + SECONDS
        while supervisor(wine) is not None:
            assert time.monotonic() < end
            time.sleep(0.2)


RUN = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run"
APPROVED = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
COMMAND = rf'"{INSTALLED}\Slipway.exe" --background'


def test_start_at_login(payload: Path) -> None:
    """Windows starts it, without a window; what was switched off in the Task Manager is reported so."""
    with WineSystem(fresh_prefix(), {payload: INSTALLED}) as wine:
        fake = {"SLIPWAY_FAKE": "running"}
        assert wine.run([CLI, "settings", "set", "start_at_login", "true"], fake).code == 0
        assert COMMAND in wine.run(["reg", "query", RUN, "/v", "Slipway"]).output
        assert wine.run([CLI, "stop"], fake).code == 0
        assert wine.run(["wineboot"], fake).code == 0  # what a login does
        end = time.monotonic() + SECONDS
        while supervisor(wine) is None:
            assert time.monotonic() < end
            time.sleep(0.2)
        assert visible_windows(wine) == ""
        off = ["/t", "REG_BINARY", "/d", "030000000000000000000000", "/f"]
        assert wine.run(["reg", "add", APPROVED, "/v", "Slipway", *off]).code == 0
        assert "switched off in Windows' Task Manager" in wine.run([CLI, "diagnose"], fake).output
        assert wine.run([CLI, "settings", "set", "start_at_login", "false"], fake).code == 0
        assert wine.run(["reg", "query", RUN, "/v", "Slipway"]).code != 0
        assert wine.run(["reg", "query", APPROVED, "/v", "Slipway"]).code != 0


def test_folders_as_people_write_them(payload: Path) -> None:
    """And what is said where the machine's image is missing."""
    with WineSystem(fresh_prefix(), {payload: INSTALLED}) as wine:
        fake = {"SLIPWAY_FAKE": "running"}
        for name in ("one", "two", "three"):
            (wine.drive_c / name).mkdir()
        written = "/c/one;//c/two;c:/three/."
        assert wine.run([CLI, "settings", "set", "shared_folders", written], fake).code == 0
        told = wine.run([CLI, "settings", "get", "shared_folders"], fake).output
        assert [name.lower() for name in json.loads(told)] == [r"c:\one", r"c:\two", r"c:\three"]
        refused = wine.run([CLI, "settings", "set", "shared_folders", "/c/none"], fake)
        assert refused.code == 1
        assert r"“C:\none”: it does not exist" in refused.errors
        assert wine.run([CLI, "stop"], fake).code == 0
        failed = wine.run([CLI, "start"], seconds=SECONDS)
        assert failed.code == 1
        assert "The machine's system image is missing, and your computer cannot build it" in failed.errors
        assert "Install Slipway again" in failed.errors


def visible_windows(wine: WineSystem) -> str:
    """The names of all windows that can be seen and have Slipway in their name."""
    xdotool = system.find_program("xdotool")
    assert xdotool is not None
    argv = [xdotool, "search", "--onlyvisible", "--name", "Slipway", "getwindowname"]
    own = {**os.environ, "DISPLAY": wine.display}
    return subprocess.run(argv, env=own, capture_output=True, text=True, check=False).stdout.strip()


def test_the_window_and_docker_with_the_stand_in(payload: Path) -> None:
    """``SLIPWAY_FAKE`` shows a whole engine without a machine, at the pipe where docker looks for it."""
    with WineSystem(fresh_prefix(), {payload: INSTALLED}) as wine:
        window = wine.popen([rf"{INSTALLED}\Slipway.exe"], {"SLIPWAY_FAKE": "running"})
        end = time.monotonic() + SECONDS
        while supervisor(wine) is None:
            assert window.is_running()
            assert time.monotonic() < end
            time.sleep(0.2)
        named = ["--host", "npipe:////./pipe/docker_slipway", "ps", "--format", "{{.Names}}"]
        done = wine.run([DOCKER, *named])
        assert done.code == 0, done
        assert "web" in done.output.split()
        pid = supervisor(wine)
        window.kill()
        assert supervisor(wine) == pid
