"""The endpoint and the control API on their pipes, without a machine: raw clients, docker.exe, a false server.

The cases are modules that Windows' own Python runs, since pytest is not in the package: ``*_cases.py``.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.wine.cases import run_cases
from tests.wine.keeping import PIPE, kept
from tests.wine.system import Completed, WineSystem
from tests.wine.windows import CLI, DOCKER


@pytest.mark.quick
@pytest.mark.parametrize(
    ("module", "cases"), [("pipe_cases", 17), ("pipe_security_cases", 10), ("default_pipe_cases", 6)]
)
def test_every_case_passes(wine: WineSystem, module: str, cases: int) -> None:
    assert len(run_cases(wine, module)) == cases


@pytest.fixture
def stand_in(wine: WineSystem) -> Iterator[WineSystem]:
    """The stand-in serves the control API and an engine in memory."""
    told = cli(wine, "start", SLIPWAY_FAKE="running")
    assert told.code == 0, told
    yield wine
    assert cli(wine, "status").code == 0
    stop(wine)


def cli(wine: WineSystem, *arguments: str, **environment: str) -> Completed:
    return wine.run([CLI, *arguments], environment, seconds=120)


def stop(wine: WineSystem) -> None:
    done = cli(wine, "stop")
    assert done.code == 0, done


def test_the_control_api(stand_in: WineSystem) -> None:
    assert len(run_cases(stand_in, "control_cases")) == 6


def test_docker_exe_many_at_once(stand_in: WineSystem) -> None:
    def ask(_: int) -> str:
        done = stand_in.run([DOCKER, "-H", "npipe:////./pipe/docker_slipway", "ps", "-q"], seconds=120)
        assert done.code == 0, done
        return done.output

    with ThreadPoolExecutor(12) as crowd:
        answers = set(crowd.map(ask, range(24)))
    assert len(answers) == 1
    assert answers.pop().split()


def test_a_supervisor_that_is_killed_amid_a_request(wine: WineSystem) -> None:
    """The client names it, does not hang, and the next one starts another supervisor."""
    held = {"SLIPWAY_FAKE": "held"}
    with ThreadPoolExecutor(1) as other:
        starting = other.submit(cli, wine, "start", **held)
        end = time.monotonic() + 90
        while "booting" not in (told := cli(wine, "status")).output:
            assert time.monotonic() < end, told
        pid = json.loads(cli(wine, "status", "--json").output)["supervisor_pid"]
        assert wine.run(["taskkill", "/f", "/pid", str(pid)]).code == 0
        done = starting.result(60)
    assert done.code == 1, done
    assert "The connection to Slipway's supervisor broke" in done.errors, done
    assert "slipway logs" in done.errors, done
    assert cli(wine, "start", SLIPWAY_FAKE="running").code == 0
    stop(wine)


def test_a_false_server_is_named(wine: WineSystem) -> None:
    """It has made the control API's pipe, and never answers."""
    with kept(wine, PIPE, r"\\.\pipe\slipway_control"):
        done = cli(wine, "status")
    assert done.code != 0
    assert "Slipway's supervisor does not answer: python.exe (process " in done.errors, done
    assert r"listens at \\.\pipe\slipway_control" in done.errors, done
