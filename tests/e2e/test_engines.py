"""The switch between two engines, with two real dockerds: the session's machine stands for the one of Windows.

A second installation has a machine of its own for Linux containers, and a program that leads to the session's in
the place of the Windows service.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from installers.checkout import system
from tests.e2e.cli import Program, venv_program
from tests.e2e.conftest import START_SECONDS, RunningMachine
from tests.e2e.leftovers import assert_nothing_left
from tests.gui.drive import act, agree, choose, go, names
from tests.gui.stage import until, window

SWITCH_SECONDS = 600.0

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")


class Two:
    """:ivar ids: engine → what it calls itself (docker info)."""

    def __init__(self, home: Path, slipway: Program, docker: Program) -> None:
        self.home, self.slipway, self.docker = home, slipway, docker
        self.ids: dict[str, str] = {}

    def use(self, name: str) -> str:
        return self.slipway("engine", "use", name, timeout=SWITCH_SECONDS)

    @property
    def id(self) -> str:
        """Of the engine that docker reaches."""
        return self.docker("info", "--format", "{{.ID}}")

    @property
    def in_use(self) -> str:
        return next(str(one["name"]) for one in self.engines() if one["in_use"])

    def engines(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.slipway("engine", "list", "--json"))
        return found

    def supervisor(self) -> int:
        pid: int = json.loads(self.slipway("status", "--json"))["supervisor_pid"]
        return pid


@pytest.fixture(scope="module")
def two(machine: RunningMachine, docker_config: Path) -> Iterator[Two]:
    """Both engines, that for Linux containers in use; they are stopped and nothing is left afterwards."""
    socat, client = system.find_program("socat"), system.find_program("docker")
    assert socat
    assert client
    home = Path(tempfile.mkdtemp(prefix="slipway-", dir="/tmp")).resolve()
    program = [socat, "UNIX-LISTEN:{socket},fork,mode=600,unlink-early", f"UNIX-CONNECT:{machine.socket}"]
    own = {"SLIPWAY_HOME": str(home), "SLIPWAY_WINDOWS_ENGINE": json.dumps(program)}
    config = home / "docker"
    config.mkdir()
    slipway = Program((str(venv_program("slipway")),), {**own, "DOCKER_CONFIG": str(config)})
    docker = Program(
        (client,), {"DOCKER_HOST": f"unix://{home}/run/docker.sock", "DOCKER_CONFIG": str(docker_config)}
    )
    made = Two(home, slipway, docker)
    slipway("settings", "set", "memory_mib", "1024")
    try:
        slipway("start", timeout=START_SECONDS)
        made.ids = {
            "linux": made.id,
            "windows": Program((client,), {"DOCKER_HOST": f"unix://{machine.socket}"})(
                "info", "--format", "{{.ID}}"
            ),
        }
        assert made.ids["linux"] != made.ids["windows"]
        yield made
    finally:
        stopped = slipway.run("stop", timeout=300)
    assert stopped.code == 0, f"\n{stopped}"
    assert_nothing_left(home)
    shutil.rmtree(home)


@pytest.fixture
def kept(two: Two, busybox_archives: dict[str, tuple[Path, str]]) -> Iterator[str]:
    """A container of the Linux engine's with a restart policy; its ID."""
    archive, name = next(iter(busybox_archives.values()))
    two.docker("load", "-i", archive)
    made = two.docker("run", "-d", "--restart", "always", "--name", "kept", name, "sleep", "100000")
    yield made
    two.use("linux")
    two.docker("rm", "-f", "kept")


def await_lines(program: subprocess.Popen[str], text: str) -> None:
    """Read what a program prints, up to a line with ``text``."""
    assert program.stdout is not None
    while text not in program.stdout.readline():
        assert program.poll() is None


@pytest.mark.slow("three starts of the machine")
def test_there_and_back(two: Two, kept: str) -> None:
    """What is connected ends or waits, and never reaches the wrong engine."""
    name = two.docker("inspect", "--format", "{{.Config.Image}}", "kept")
    two.docker("run", "-d", "--name", "deaf", name, "sleep", "100000")  # as its first process it hears no SIGTERM
    with two.docker.start("events") as events:
        with two.docker.start("stop", "--time", "100", "deaf") as waiting:
            await_lines(events, "container kill")
            assert "Windows containers are in use" in two.use("windows")
            assert two.id == two.ids["windows"]
            assert waiting.stdout is not None
            assert "Slipway has switched to Windows containers. Try again." in waiting.stdout.read()
        assert events.wait(30) != 0
    assert waiting.returncode != 0  # its request was not answered by either engine
    assert [one["state"] for one in two.engines()] == ["stopped", "running"]
    assert "Linux containers are in use" in two.slipway("-SwitchDaemon", timeout=SWITCH_SECONDS)
    assert two.id == two.ids["linux"]
    assert two.docker("ps", "-q", "--no-trunc") == kept
    assert [one["state"] for one in two.engines()] == ["running", "stopped"]
    two.docker("rm", "-f", "deaf")


@pytest.mark.slow("fifty switches")
def test_fifty_switches(two: Two, kept: str) -> None:
    two.slipway("settings", "set", "keep_engines", "true")
    try:
        started = two.docker("inspect", "--format", "{{.State.StartedAt}}", kept)
        for _ in range(25):
            for name in ("windows", "linux"):
                two.use(name)
                assert two.id == two.ids[name]
        assert two.docker("inspect", "--format", "{{.State.StartedAt}}", kept) == started
    finally:
        two.slipway("settings", "set", "keep_engines", "false")


@pytest.mark.slow("three starts of the machine")
@pytest.mark.parametrize("step", ["idle → starting", "starting → handing over", "handing over → stopping"])
def test_the_supervisor_is_killed_in_the_middle(two: Two, kept: str, step: str) -> None:
    """One of the two is in use afterwards, and answers; nothing is lost."""
    log = two.home / "logs" / "supervisor.log"
    begin = log.stat().st_size
    supervisor = two.supervisor()
    deadline = time.monotonic() + 120
    with two.slipway.start("engine", "use", "windows"):
        while f": {step}" not in log.read_text()[begin:]:
            assert time.monotonic() < deadline
        os.kill(supervisor, signal.SIGKILL)
    two.slipway("start", timeout=START_SECONDS)
    in_use = two.in_use
    assert in_use == ("linux" if step == "idle → starting" else in_use)
    assert two.id == two.ids[in_use]
    other = {"linux": "windows", "windows": "linux"}[in_use]
    while next(one["state"] for one in two.engines() if one["name"] == other) != "stopped":
        assert time.monotonic() < deadline + 120
        time.sleep(0.2)
    two.use("linux")
    assert two.docker("ps", "-q", "--no-trunc") == kept


@pytest.mark.slow("a start of the machine")
def test_an_engine_that_does_not_start(two: Two) -> None:
    """Its socket is taken: another file is there."""
    place = two.home / "run" / "docker-windows.sock"
    place.unlink(missing_ok=True)
    (place / "taken").mkdir(parents=True)
    try:
        told = two.slipway.fails("engine", "use", "windows", timeout=SWITCH_SECONDS)
        assert "ended unexpectedly" in told.err
        assert two.id == two.ids["linux"]
        assert [one["in_use"] for one in two.engines()] == [True, False]
    finally:
        shutil.rmtree(place)


@pytest.mark.slow("a start of the machine")
def test_both_in_the_window(two: Two, kept: str, qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each row is of one engine, and what is done to it goes there, whichever is in use."""
    monkeypatch.setenv("SLIPWAY_HOME", str(two.home))
    lone = two.docker("create", "--name", "of-linux", two.docker("inspect", "--format", "{{.Config.Image}}", kept))
    two.slipway("settings", "set", "keep_engines", "true")
    try:
        two.use("windows")
        with window(qapp) as shown:
            until(lambda: shown.session.several, "the engine beside")
            page = go(shown, "containers")
            until(lambda: {"kept", "of-linux"} <= set(names(page)), "those of the engine that is not in use")
            choose(page, "of-linux")
            act(page, "remove")
            agree()
            until(lambda: "of-linux" not in names(page), "the removal")
        two.use("linux")
        assert two.docker("ps", "-aq", "--no-trunc").splitlines() == [kept]
        assert lone != kept
    finally:
        two.slipway("settings", "set", "keep_engines", "false")
