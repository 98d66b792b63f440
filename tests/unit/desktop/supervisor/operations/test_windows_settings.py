"""The daemon.json of the engine for Windows containers: when an administrator is asked for, and what is said."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from desktop.control.schema import Note
from desktop.settings.schema import Settings, SettingsError
from desktop.settings.store import SettingsStore
from desktop.supervisor.context import Change
from desktop.supervisor.engines.windows import PIPE, WindowsEngine
from desktop.supervisor.operations import windows_settings
from desktop.supervisor.operations.windows_settings import WindowsSettings
from desktop.supervisor.settings import LiveSettings
from desktop.windows_engine import manage
from vm.errors import DiskError, HostError
from vm.host import host
from vm.services.process import ProcessService
from vm.services.state import Service, ServiceState
from vm.services.windows import WindowsService

PROXY = {"proxies": {"http-proxy": "http://proxy:3128"}}
CHANGE = {"windows_daemon.proxies": json.dumps(PROXY["proxies"])}


class Administrator:
    """:ivar given: what it has applied.    :ivar error: of the next time."""

    def __init__(self) -> None:
        self.given: list[dict[str, Any]] = []
        self.error: HostError | None = None

    def __call__(self, settings: Mapping[str, Any]) -> None:
        if self.error is not None:
            raise self.error
        self.given.append(dict(settings))


@pytest.fixture(autouse=True)
def offered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of Windows are there, as on a Windows."""
    monkeypatch.setenv("SLIPWAY_WINDOWS_ENGINE", '["x"]')


@pytest.fixture
def state(monkeypatch: pytest.MonkeyPatch) -> dict[str, ServiceState]:
    """Name of a service → what it is."""
    states = {"SlipwayWindowsEngine": ServiceState.RUNNING, "docker": ServiceState.RUNNING}

    async def tell(service: WindowsService) -> ServiceState:
        return states[service.name]

    monkeypatch.setattr(WindowsService, "state", tell)
    return states


def engine(service: Service) -> WindowsEngine:
    return WindowsEngine(service, PIPE, host(), "windows")


def live(folder: Path, made: WindowsSettings) -> LiveSettings:
    settings = LiveSettings(SettingsStore(folder / "settings.json"), host())
    settings.effects.append(made)
    return settings


async def test_an_administrator_is_asked_once(tmp_path: Path, state: dict[str, ServiceState]) -> None:
    administrator = Administrator()
    made = WindowsSettings(host(), engine(WindowsService("SlipwayWindowsEngine")), administrator)
    settings = live(tmp_path, made)
    change = await settings.change(CHANGE)
    assert administrator.given == [PROXY]
    assert (await made.noted(Note("It is set"), change)).text == "It is set"
    await settings.change({"wait_seconds": "90"})
    await settings.change(CHANGE)
    assert administrator.given == [PROXY], "nothing has changed"


async def test_a_refusal_changes_nothing(tmp_path: Path, state: dict[str, ServiceState]) -> None:
    administrator = Administrator()
    settings = live(
        tmp_path, WindowsSettings(host(), engine(WindowsService("SlipwayWindowsEngine")), administrator)
    )
    administrator.error = HostError("It was not allowed, and nothing has changed")
    with pytest.raises(HostError, match="not allowed"):
        await settings.change(CHANGE)
    assert settings.get() == Settings()
    administrator.error = None
    await settings.change(CHANGE)
    assert settings.get().windows_daemon == PROXY


async def test_what_fails_later_takes_it_back(tmp_path: Path, state: dict[str, ServiceState]) -> None:
    administrator = Administrator()
    settings = live(
        tmp_path, WindowsSettings(host(), engine(WindowsService("SlipwayWindowsEngine")), administrator)
    )

    async def fail(change: Change) -> None:
        raise DiskError("The disk is full")

    settings.final = fail
    with pytest.raises(DiskError):
        await settings.change(CHANGE)
    assert administrator.given == [PROXY, {}]


async def test_where_they_are_not_used(tmp_path: Path, state: dict[str, ServiceState]) -> None:
    administrator = Administrator()
    program = ProcessService(["x"], tmp_path / "record", tmp_path / "log", host())
    state["SlipwayWindowsEngine"] = ServiceState.ABSENT
    cases: list[tuple[WindowsEngine | None, str]] = [
        (engine(WindowsService("docker")), "The service “docker” of another installation is used"),
        (engine(program), "The variable SLIPWAY_WINDOWS_ENGINE names a program"),
        (engine(WindowsService("SlipwayWindowsEngine")), "once Windows containers are set up"),
        (None, host().no_windows_containers),
    ]
    for number, (used, why) in enumerate(cases):
        made = WindowsSettings(host(), used, administrator)
        assert why in await made.obstacle()
        folder = tmp_path / str(number)
        change = await live(folder, made).change(CHANGE)
        assert why in (await made.noted(Note("It is set"), change)).text
        other = await live(folder, made).change({"wait_seconds": "90"})
        assert (await made.noted(Note("It is set"), other)).text == "It is set"
    assert administrator.given == []


async def test_dockerd_is_asked_before_an_administrator(
    tmp_path: Path, state: dict[str, ServiceState], monkeypatch: pytest.MonkeyPatch
) -> None:
    administrator = Administrator()
    dockerd = tmp_path / "dockerd.exe"
    dockerd.write_text(
        '#!/bin/sh\ngrep -q refused "$3" || exit 0\n'
        'echo "unable to configure the Docker daemon with file C:\\x y\\d.json: no such mirror" >&2; exit 1\n'
    )
    dockerd.chmod(0o755)
    monkeypatch.setattr(windows_settings, "bundled_docker", lambda: tmp_path)
    settings = live(
        tmp_path, WindowsSettings(host(), engine(WindowsService("SlipwayWindowsEngine")), administrator)
    )
    with pytest.raises(SettingsError, match="dockerd refuses these settings: no such mirror"):
        await settings.change({"windows_daemon.labels": '["refused=1"]'})
    assert administrator.given == []
    await settings.change({"windows_daemon.labels": '["taken=1"]'})
    assert administrator.given == [{"labels": ["taken=1"]}]


async def test_the_engine_is_held_while_it_restarts(tmp_path: Path, state: dict[str, ServiceState]) -> None:
    used = engine(WindowsService("SlipwayWindowsEngine"))
    held: list[bool] = []
    made = WindowsSettings(host(), used, lambda settings: held.append(used.restarting))
    await live(tmp_path, made).change(CHANGE)
    assert (held, used.restarting) == ([True], False)


def test_the_administrators_process_is_given_a_file() -> None:
    """Other users see a command line, and a proxy may have a password."""

    def helper(argv: Any) -> int:
        words = list(argv)
        assert "configure" in words
        assert not any("secret" in word for word in words)
        assert "secret" in Path(words[words.index("--settings") + 1]).read_text()
        Path(words[words.index("--report") + 1]).write_text('{"restart": false}')
        return 0

    manage.configure({"proxies": {"http-proxy": "http://me:secret@proxy:1"}}, helper)
