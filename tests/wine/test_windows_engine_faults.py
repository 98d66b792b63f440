"""What keeps the engine of Windows containers from starting, with the real dockerd.exe: told with what helps.

The service cannot be started on Wine: a program stands in its place (``tests/wine/test_switch.py``).
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.wine.prefix import fresh_prefix
from tests.wine.system import Completed, WineProgram, WineSystem
from tests.wine.windows import CLI, INSTALLED, PYTHON
from tests.wine.windows_engine import DATA, DOCKERD, PROGRAM, add_containers_feature

VARIABLE = {"SLIPWAY_WINDOWS_ENGINE": PROGRAM}
START_SECONDS = 120.0


@pytest.fixture(scope="module")
def ready(payload: Path) -> Iterator[WineSystem]:
    """A Slipway that runs, with neither of its engines."""
    with WineSystem(fresh_prefix(), {payload: INSTALLED}) as made:
        add_containers_feature(made)
        yield made
        made.run([CLI, "stop"], VARIABLE, seconds=300)


def use(wine: WineSystem) -> Completed:
    return wine.run([CLI, "engine", "use", "windows"], VARIABLE, seconds=300)


def refused(wine: WineSystem) -> str:
    """What is told; the engine is not in use, and nothing of it is left."""
    done = use(wine)
    assert done.code == 1, done
    listed = wine.run([CLI, "engine", "list", "--json"], VARIABLE).output
    found = {one["name"]: one for one in json.loads(listed)}
    assert found["linux"]["in_use"]
    assert found["windows"]["state"] in ("stopped", "failed")
    return done.errors


@contextmanager
def other_dockerd(wine: WineSystem, address: str, *places: str) -> Iterator[WineProgram]:
    """Another one, once it answers."""
    log = wine.drive_c / "other.log"
    with log.open("wb") as output:
        program = wine.popen([DOCKERD, "-H", address, "--bridge=none", *places], stdout=output, stderr=output)
        try:
            end = time.monotonic() + START_SECONDS
            while "API listen on" not in log.read_text(errors="replace"):
                assert program.is_running(), log.read_text(errors="replace")
                assert time.monotonic() < end, log.read_text(errors="replace")
                time.sleep(0.2)
            yield program
        finally:
            wine.run(["taskkill", "/f", "/im", "dockerd.exe"])
            program.kill()


def places(folder: str) -> tuple[str, ...]:
    return "--data-root", folder, "--exec-root", rf"{folder}\exec", "--pidfile", rf"{folder}\docker.pid"


def test_another_program_at_its_pipe(ready: WineSystem) -> None:
    script = "from vm.host import host; from vm.host.paths import docker_address as of"
    pipe = ready.run([PYTHON, "-c", f"{script}; print(of(host().paths().windows_socket))"]).output.strip()
    with other_dockerd(ready, pipe, *places(r"C:\other")):
        told = refused(ready)
    assert "Another program listens at the engine's pipe" in told
    assert "dockerd.exe (process " in told
    assert "End that program, and try again" in told


def test_its_data_in_use_by_another(ready: WineSystem) -> None:
    with other_dockerd(ready, "npipe:////./pipe/other", *places(DATA)):
        told = refused(ready)
    assert "is still running" in told
    assert "Another dockerd uses the same data folder: end it" in told


def test_its_data_locked_by_another_with_a_pidfile_elsewhere(ready: WineSystem) -> None:
    elsewhere = ("--data-root", DATA, "--exec-root", r"C:\x", "--pidfile", r"C:\elsewhere.pid")
    with other_dockerd(ready, "npipe:////./pipe/other", *elsewhere):
        told = refused(ready)
    assert "Another dockerd uses the same data folder" in told


def test_data_that_cannot_be_written(ready: WineSystem) -> None:
    folder = ready.host_path(DATA)
    aside = folder.rename(folder.with_name("aside"))
    folder.write_text("a file in the place of the folder")
    try:
        told = refused(ready)
    finally:
        folder.unlink()
        aside.rename(folder)
    assert "cannot use its data folder" in told


def test_then_it_starts(ready: WineSystem) -> None:
    done = use(ready)
    assert done.code == 0, done
    assert "windows/amd64" in done.output
    log = ready.run([CLI, "logs", "-s", "windows"], VARIABLE).output
    assert "API listen on" in log
