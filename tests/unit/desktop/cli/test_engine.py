"""``slipway engine`` on scripted answers, and the options of Docker Desktop that mean the same."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from desktop.cli.__main__ import main, translated
from desktop.control.client import ControlClient
from desktop.control.schema import EngineState, Event, RequirementReport, RunState
from vm.host.paths import Paths

LINUX = EngineState("linux", "Linux containers", "linux", RunState.RUNNING, "Running", in_use=True)
WINDOWS = EngineState("windows", "Windows containers", "windows", RunState.STOPPED, "Stopped")
NONE = EngineState(
    "windows",
    "Windows containers",
    "windows",
    RunState.STOPPED,
    "Not available",
    obstacle="no Windows",
    hint="Try.",
)
NEEDS = [
    RequirementReport("A Windows", True),
    RequirementReport("A feature", False, "setup", "the setup switches it on"),
]


class Scripted(ControlClient):
    """:ivar engines_there: what there is.    :ivar asked: the paths and requests of streams."""

    engines_there = (LINUX, WINDOWS)

    def __init__(self, paths: Paths) -> None:
        super().__init__(paths)
        self.asked: list[tuple[str, Any]] = []

    async def send(self, call: Any, request: object) -> Any:
        return NEEDS if call.name == "engine_needs" else list(self.engines_there)

    async def receive(self, stream: Any, request: object) -> AsyncGenerator[Any]:
        self.asked.append((stream.name, request))
        yield Event("progress", "handing over")
        yield Event("done", "done with it")


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scripted:
    client = Scripted(Paths(tmp_path / "h", tmp_path / "c"))

    async def connect(**_: object) -> ControlClient:
        return client

    monkeypatch.setattr(ControlClient, "connect", connect)
    return client


def test_the_list(scripted: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engine", "list"]) == 0
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert lines[1:] == [
        ["linux", "*", "Linux", "containers", "running"],
        ["windows", "Windows", "containers", "stopped"],
    ]
    assert main(["engine", "list", "--json"]) == 0
    assert [one["in_use"] for one in json.loads(capsys.readouterr().out)] == [True, False]


def test_one_that_cannot_be_used_says_why(scripted: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    scripted.engines_there = (LINUX, NONE)
    assert main(["engine", "status"]) == 0
    told = capsys.readouterr().out
    assert "not available  no Windows" in told
    assert "Try." in told
    assert main(["engine", "use", "other"]) == 1
    assert "cannot be used on this computer: no Windows" in capsys.readouterr().err
    assert scripted.asked == []


@pytest.mark.parametrize(
    ("words", "name"),
    [
        (["engine", "use", "windows"], "windows"),
        (["engine", "use", "other"], "windows"),
        (["-SwitchDaemon"], "windows"),
        (["-SwitchWindowsEngine"], "windows"),
        (["-switchlinuxengine"], "linux"),
    ],
)
def test_the_switch(scripted: Scripted, capsys: pytest.CaptureFixture[str], words: list[str], name: str) -> None:
    assert main(words) == 0
    ((stream, request),) = scripted.asked
    assert (stream, request.name) == ("use_engine", name)
    assert capsys.readouterr().out == "done with it\n"


def test_other_words_are_left_alone() -> None:
    for words in ([], ["start"], ["-v", "-SwitchDaemon"], ["-SwitchDaemon", "x"]):
        assert translated(words) == words


def test_the_setup_shows_what_is_needed_and_asks(scripted: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["engine", "setup", "--check"]) == 0
    assert "✗ A feature: the setup switches it on" in capsys.readouterr().out
    assert scripted.asked == []
    assert main(["engine", "setup", "--yes"]) == 0
    assert [name for name, _ in scripted.asked] == ["install_engine"]


def test_the_removal(scripted: Scripted) -> None:
    assert main(["engine", "remove", "--yes", "--delete-data", "--keep-features"]) == 0
    ((name, request),) = scripted.asked
    assert (name, request.data, request.features) == ("remove_engine", True, False)
