"""What a user is told to do about an image for the other operating system."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from desktop.settings.store import SettingsStore
from desktop.supervisor.engines.make import EngineMaker
from desktop.supervisor.engines.windows import HINT
from desktop.supervisor.settings import LiveSettings
from engine.endpoint.admission import Unchecked
from vm.host import host
from vm.host.paths import WINDOWS_ENGINE, Paths


def maker(folder: Path) -> EngineMaker:
    paths = Paths(folder, folder / "cache")
    return EngineMaker(
        paths, host(), LiveSettings(SettingsStore(paths.settings), host()), Unchecked(), lambda: None
    )


@pytest.mark.parametrize(
    ("os", "told"),
    [
        ("windows", "Switch to Windows containers: slipway engine use windows"),
        ("linux", "Switch to Linux containers: slipway engine use linux"),
        ("freebsd", ""),
    ],
)
async def test_there_is_the_other_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, os: str, told: str
) -> None:
    monkeypatch.setenv(WINDOWS_ENGINE, json.dumps(["true"]))
    assert await maker(tmp_path).use_other(os) == told


async def test_a_context_of_one_engine_leads_to_that_of_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(WINDOWS_ENGINE, json.dumps(["true"]))
    told = await maker(tmp_path).use_context("windows")
    assert told == "Use the engine of Windows containers: docker --context slipway-windows"
    assert await maker(tmp_path).use_context("freebsd") == ""


async def test_there_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WINDOWS_ENGINE, raising=False)
    monkeypatch.setattr(type(host()), "no_windows_containers", "Windows Home has none")
    assert await maker(tmp_path).use_other("windows") == HINT
