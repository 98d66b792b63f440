"""Faults before and during a start: each is made for real and has to end in a known state, told clearly."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from engine.linux import ENGINE_ROOTFS
from tests.e2e.cli import Program, Result, finish, venv_program
from tests.e2e.conftest import START_SECONDS, RunningMachine
from tests.e2e.leftovers import assert_nothing_left, processes_of
from tests.e2e.terminal import terminal
from vm.host import host
from vm.image.recipe import load_recipe

pytestmark = pytest.mark.machine


@contextlib.contextmanager
def short_home() -> Iterator[Path]:
    """A home with a short path; whatever happens in it, nothing may be left running."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-", dir="/tmp")).resolve()
    yield folder
    Program((str(venv_program("slipway")),), {"SLIPWAY_HOME": str(folder)}).run("stop", timeout=120)
    try:
        assert_nothing_left(folder)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def home() -> Iterator[Path]:
    """A home of the test's own."""
    with short_home() as folder:
        yield folder


@pytest.fixture
def slipway(home: Path, tmp_path: Path) -> Program:
    return Program((str(venv_program("slipway")),), {"SLIPWAY_HOME": str(home), "DOCKER_CONFIG": str(tmp_path)})


@pytest.fixture(scope="module")
def shared_home() -> Iterator[Path]:
    """A home for tests of which each begins where the one before left it: one boot does for both."""
    with short_home() as folder:
        yield folder


@pytest.fixture(scope="module")
def shared_slipway(shared_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Program:
    config = str(tmp_path_factory.mktemp("docker-config"))
    environment = {"SLIPWAY_HOME": str(shared_home), "DOCKER_CONFIG": config}
    return Program((str(venv_program("slipway")),), environment)


def with_variables(slipway: Program, **more: str) -> Program:
    return Program(slipway.argv, {**slipway.environment, **more})


def failed_start(slipway: Program, state: str = "failed") -> Result:
    """A start that has to fail, leaving the named state with its cause."""
    result = slipway.fails("start", timeout=START_SECONDS)
    assert result.code == 1
    assert "Error:" in result.err
    told = status(slipway)
    assert told["state"] == state
    assert told["failure"]["message"] in result.err
    assert told["machine"] is None or told["machine"]["pid"] is None
    return result


def status(slipway: Program) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(slipway.run("status", "--json").out)
    return told


def test_qemu_is_missing(slipway: Program, tmp_path: Path) -> None:
    failed = failed_start(with_variables(slipway, SLIPWAY_QEMU=str(tmp_path)))
    assert "qemu-system-" in failed.err
    assert "install" in failed.err  # the hint


def test_qemu_is_too_old(slipway: Program, tmp_path: Path) -> None:
    for name in ("qemu-system-x86_64", "qemu-system-aarch64"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho 'QEMU emulator version 6.2.0 (Debian 1:6.2)'\n")
        program.chmod(0o755)
    failed = failed_start(with_variables(slipway, PATH=f"{tmp_path}{os.pathsep}{os.environ['PATH']}"))
    assert "6.2" in failed.err
    assert "7.2" in failed.err


@pytest.mark.parametrize("name", ["kernel", "root.erofs"])
def test_the_image_is_corrupt(slipway: Program, home: Path, machine: RunningMachine, name: str) -> None:
    """A flipped byte is found before anything boots; the file and the cure are named, and the cure works."""
    version = load_recipe(ENGINE_ROOTFS).version(host().arch)
    cache = home / "cache"
    shutil.copytree(host().paths().images / version, cache / "images" / version)
    victim = cache / "images" / version / name
    data = bytearray(victim.read_bytes())
    data[len(data) // 2] ^= 0xFF
    victim.chmod(0o644)
    victim.write_bytes(data)
    failed = failed_start(with_variables(slipway, SLIPWAY_CACHE=str(cache)))
    assert name in failed.err
    assert "slipway image build --force" in failed.err


def test_the_data_disk_is_damaged(slipway: Program, home: Path) -> None:
    """A disk that cannot be opened is reported, and not a byte of it is changed."""
    disk = home / "machine" / "data.qcow2"
    disk.parent.mkdir(parents=True)
    disk.write_bytes(b"this is no disk, but it may be precious" * 1000)
    before = disk.read_bytes()
    failed = failed_start(slipway)
    assert "disk" in failed.err
    assert disk.read_bytes() == before


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("{", "not valid JSON"),
        ("[1, 2]", "one JSON object"),
        ('{"schema": 1, "cpus": "many"}', "whole number"),
    ],
)
def test_the_settings_are_nonsense(slipway: Program, home: Path, text: str, reason: str) -> None:
    settings = home / "settings.json"
    settings.write_text(text)
    failed = failed_start(slipway)
    assert reason in failed.err
    assert slipway.fails("settings", "set", "cpus", "1").code == 1
    assert settings.read_text() == text
    settings.unlink()
    assert "cpus" in slipway("settings", "get")  # mended without restarting anything


def test_the_path_is_too_long(home: Path) -> None:
    slipway = Program((str(venv_program("slipway")),), {"SLIPWAY_HOME": str(home / ("x" * 90))})
    failed = slipway.fails("start")
    assert failed.code == 1
    assert "too long" in failed.err
    assert "SLIPWAY_HOME" in failed.err


def test_the_home_cannot_be_made(home: Path) -> None:
    (home / "file").write_text("in the way")
    failed = Program((str(venv_program("slipway")),), {"SLIPWAY_HOME": str(home / "file")}).fails("start")
    assert failed.code == 1
    assert "SLIPWAY_HOME" in failed.err


STEPS = ("image", "disk", "QEMU", "Linux", "services", "connecting", "containerd", "dockerd")
"""Words of what the terminal shows while each stage of a start goes on."""

FEW_STEPS = ("QEMU", "services", "dockerd")
"""One before there is a kernel, one of the guest's, and the last; all of them cost seven boots."""

EVERY_STEP = pytest.param(STEPS, marks=pytest.mark.slow("seven boots"), id="each")


@pytest.mark.parametrize("steps", [pytest.param(FEW_STEPS, id="some"), EVERY_STEP])
def test_interrupted_at_stages(shared_slipway: Program, shared_home: Path, steps: tuple[str, ...]) -> None:
    """Ctrl-C undoes the start wherever it is: no QEMU, state stopped; the next test's start is as good as any."""
    shown: list[str] = []
    for word in steps:
        shown_in = shared_slipway.terminal("start", columns=120)
        found = shown_in.expect([word, "answers on"], timeout=START_SECONDS)
        if found == 1:  # the stage was too short to be shown
            finish(shown_in)
            shared_slipway("stop", "--keep-supervisor", timeout=120)
            continue
        shown.append(word)
        shown_in.sendintr()
        assert finish(shown_in) == 130
        told = status(shared_slipway)
        assert told["state"] == "stopped", f"after {word}: {told}"
        assert told["failure"] is None
        assert not [line for line in processes_of(shared_home) if "qemu-system" in line]
    assert len(shown) > len(steps) / 2, f"only {shown} were interrupted"


def test_qemu_crashes_while_it_starts(shared_slipway: Program, shared_home: Path) -> None:
    """The machine is started again by the same start, which says so in the log, on one line.

    That its terminal is closed meanwhile undoes nothing.
    """
    shared_slipway("stop", timeout=120)
    with terminal(shared_slipway, "start") as shown:
        shown.expect("Linux")
        os.kill(qemu_of(shared_home).pid, signal.SIGSEGV)
        shown.close()
        deadline = time.monotonic() + START_SECONDS
        while (state := status(shared_slipway)["state"]) == "starting":
            assert time.monotonic() < deadline
            time.sleep(0.5)
        assert state == "running"
        shown.finish()
    told = (shared_home / "logs" / "supervisor.log").read_text()
    assert "QEMU ended unexpectedly: killed by SIGSEGV. Starting the machine again (2 of 3)" in told
    assert "Traceback" not in told


def qemu_of(home: Path) -> psutil.Process:
    """The QEMU of this home, which has just been started."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for process in psutil.process_iter(["name", "cmdline"]):
            named = any(str(home) in word for word in process.info["cmdline"] or ())
            if named and (process.info["name"] or "").startswith("qemu-system"):
                return process
        time.sleep(0.05)
    raise AssertionError("no QEMU was started")


def test_two_starts_at_once(shared_slipway: Program, shared_home: Path) -> None:
    """Five at once, with no supervisor: all succeed, and there is one supervisor and one QEMU."""
    shared_slipway("stop", timeout=120)
    assert_nothing_left(shared_home)
    starts = [shared_slipway.start("start") for _ in range(5)]
    for start in starts:
        out, _ = start.communicate(timeout=START_SECONDS)
        assert start.returncode == 0, out
    assert status(shared_slipway)["state"] == "running"
    running = processes_of(shared_home)
    assert len([line for line in running if "qemu-system" in line]) == 1, running
    assert len([line for line in running if "desktop.supervisor" in line]) == 1, running
