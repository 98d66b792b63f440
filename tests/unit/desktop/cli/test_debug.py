"""``slipway debug`` prints the supervisor's report as JSON."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from desktop.cli.__main__ import main
from desktop.control.client import ControlClient
from vm.host.paths import Paths


def test_it_is_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    async def connect(*, spawn: bool, **_: object) -> ControlClient:
        assert not spawn
        return Scripted(Paths(tmp_path / "h", tmp_path / "c"))

    monkeypatch.setattr(ControlClient, "connect", connect)
    assert main(["debug"]) == 0
    assert json.loads(capsys.readouterr().out) == {"tasks": [], "parts": {"ports": "running"}}


class Scripted(ControlClient):
    """Answers without a supervisor."""

    async def send(self, call: object, request: object) -> dict[str, object]:  # type: ignore[override]  # one call
        return {"tasks": [], "parts": {"ports": "running"}}


def test_nothing_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("SLIPWAY_HOME", str(tmp_path))
    assert main(["debug"]) == 3
    assert "not running" in capsys.readouterr().err
