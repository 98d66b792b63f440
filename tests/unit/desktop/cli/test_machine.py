"""``slipway status`` on scripted answers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from desktop.cli.__main__ import main
from desktop.control.client import ControlClient
from desktop.control.schema import MemoryReport, RunState, Status
from vm.host.paths import Paths

RUNNING = Status(RunState.RUNNING, "Running", "unix:///x", memory=MemoryReport(1 << 30, 1 << 29))


class Scripted(ControlClient):
    """Answers every call with one status, without a supervisor."""

    answer = RUNNING

    async def send(self, call: object, request: object) -> Status:  # type: ignore[override]  # one call
        return self.answer


@pytest.fixture
def scripted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scripted:
    client = Scripted(Paths(tmp_path / "h", tmp_path / "c"))

    async def connect(*, spawn: bool, **_: object) -> ControlClient:
        return client

    monkeypatch.setattr(ControlClient, "connect", connect)
    return client


def test_full_memory_is_said_with_what_to_do(scripted: Scripted, capsys: pytest.CaptureFixture[str]) -> None:
    full = MemoryReport(1 << 30, 1 << 20, shortage="The machine's memory is full", hint="Give it more.")
    scripted.answer = replace(RUNNING, memory=full)
    assert main(["status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    place = next(number for number, line in enumerate(lines) if line.startswith("Memory"))
    assert "memory is full" in lines[place]
    assert lines[place + 1].strip() == "Give it more."


def test_nothing_is_said_about_memory_while_there_is_enough(
    scripted: Scripted, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status"]) == 0
    assert "Memory" not in capsys.readouterr().out
