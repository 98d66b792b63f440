"""Settings and reset on the supervisor's side: what they reach beyond the file, and dockerd's last word."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from desktop.control.schema import ResetLevel
from desktop.settings.schema import Settings, SettingsError
from desktop.supervisor.app import Supervisor
from desktop.supervisor.preferences import merged, reason
from desktop.system import Launch, system
from engine.contexts import Contexts
from vm.errors import LinkError
from vm.host import host
from vm.host.paths import Paths
from vm.state import MachineState


@pytest.fixture
def supervisor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Supervisor:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "DOCKER_CONFIG", "SLIPWAY_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    paths = Paths(tmp_path / "SLIPWAY_HOME", tmp_path / "cache")
    paths.prepare()
    return Supervisor(paths, host())


class Link:
    """The way into a machine whose dockerd says ``output``."""

    def __init__(self, output: str = "", code: int = 0, error: LinkError | None = None) -> None:
        self.output, self.code, self.error = output, code, error
        self.told: list[bytes] = []

    async def run(self, command: str, *, input: bytes = b"", timeout: float) -> Any:
        assert "dockerd --validate" in command
        self.told.append(input)
        if self.error is not None:
            raise self.error
        return SimpleNamespace(exit_code=self.code, stdout=self.output.encode(), stderr=b"")


def running(supervisor: Supervisor, link: Link) -> None:
    supervisor.preferences._machine = SimpleNamespace(state=MachineState.RUNNING, link=link)  # type: ignore[assignment]  # what is used of a machine


async def test_dockerd_is_asked_and_has_the_last_word(supervisor: Supervisor) -> None:
    link = Link("unable to configure the Docker daemon with file /x: no certificate", 1)
    running(supervisor, link)
    with pytest.raises(SettingsError, match="no certificate"):
        await supervisor.preferences.change({"daemon": '{"tlsverify": true}'})
    assert json.loads(link.told[0]) == merged({"tlsverify": True})
    assert supervisor.store.load() == Settings()
    link.code = 0
    await supervisor.preferences.change({"daemon": '{"bip": "10.9.0.1/24"}', "cpus": "1"})
    assert supervisor.store.load().daemon == {"bip": "10.9.0.1/24"}
    await supervisor.preferences.change({"cpus": "null"})
    assert len(link.told) == 2  # nothing of dockerd's has changed


async def test_a_dockerd_that_cannot_be_asked_is_no_obstacle(supervisor: Supervisor) -> None:
    running(supervisor, Link(error=LinkError("the link is gone")))
    await supervisor.preferences.change({"daemon.debug": "true"})
    assert supervisor.store.load().daemon == {"debug": True}


async def test_all_or_none(supervisor: Supervisor) -> None:
    with pytest.raises(SettingsError, match="accelerator"):
        await supervisor.preferences.change({"cpus": "1", "accelerator": "warp"})
    assert supervisor.store.load() == Settings()
    with pytest.raises(SettingsError, match="your computer has"):
        await supervisor.preferences.change({"wait_seconds": "90", "cpus": "256"})
    assert supervisor.store.load() == Settings()


async def test_login(supervisor: Supervisor) -> None:
    launch = Launch.of(supervisor.paths, background=True)
    await supervisor.preferences.change({"start_at_login": "true"})
    assert system().starts_at_login(launch)
    await supervisor.preferences.change({"start_at_login": "null"})
    assert not system().starts_at_login(launch)


async def test_the_report(supervisor: Supervisor) -> None:
    await supervisor.preferences.change({"cpus": "1"})
    report = supervisor.preferences.report()
    assert (report.stored["cpus"], report.stored["memory_mib"]) == (1, 0)
    assert report.used["cpus"] == 1
    assert report.used["memory_mib"] == report.chosen["memory_mib"] > 0
    assert report.host_cpus >= report.chosen["cpus"] >= 1


@pytest.mark.parametrize(
    ("output", "wanted"),
    [
        ("", "it does not say why"),
        ("unable to configure the Docker daemon with file /x: the y is z", "the y is z"),
        (
            "unable to configure the Docker daemon with file /x: merged configuration validation from file and "
            "command line flags failed: invalid mirror: x",
            "invalid mirror: x",
        ),
        ("something else", "something else"),
    ],
)
def test_what_dockerd_says(output: str, wanted: str) -> None:
    assert reason(output) == wanted


async def furnished(supervisor: Supervisor) -> None:
    supervisor.paths.data_disk.write_bytes(b"disk")
    Contexts(supervisor.paths.home / "context.json").use(supervisor.paths.docker_socket)
    await supervisor.preferences.change({"start_at_login": "true", "wait_seconds": "90"})
    supervisor.preferences.set_menu(True)


async def reset(supervisor: Supervisor, level: ResetLevel) -> list[str]:
    events: AsyncIterator[Any] = supervisor.upkeep.reset.run(level)
    return [event.text async for event in events if event.kind == "done"]


def left(supervisor: Supervisor) -> tuple[bool, bool, bool, bool, bool]:
    """What is still there: the disk, the settings, the start at login, the menu, the context."""
    folder = supervisor.paths.home.parent
    return (
        supervisor.paths.data_disk.exists(),
        supervisor.store.load().wait_seconds == 90,
        system().starts_at_login(Launch.of(supervisor.paths, background=True)),
        any((folder / "XDG_DATA_HOME" / "applications").glob("*")),
        Contexts(supervisor.paths.home / "context.json").store.current() == "slipway",
    )


@pytest.mark.parametrize(
    ("level", "wanted"),
    [
        (ResetLevel.SETTINGS, (True, False, False, True, True)),
        (ResetLevel.DATA, (False, True, True, True, False)),
        (ResetLevel.ALL, (False, False, False, False, False)),
    ],
)
async def test_reset_in_levels(
    supervisor: Supervisor, level: ResetLevel, wanted: tuple[bool, bool, bool, bool, bool]
) -> None:
    await furnished(supervisor)
    assert left(supervisor) == (True, True, True, True, True)
    assert supervisor.upkeep.reset.plan(level)
    assert len(await reset(supervisor, level)) == 1
    assert left(supervisor) == wanted
    assert len(await reset(supervisor, level)) == 1  # again, with nothing there


async def test_a_reset_mends_settings_that_are_nonsense(supervisor: Supervisor) -> None:
    supervisor.paths.settings.write_text("{")
    await reset(supervisor, ResetLevel.SETTINGS)
    assert supervisor.store.load() == Settings()


async def test_the_size_of_a_disk_that_stays_is_not_forgotten(supervisor: Supervisor) -> None:
    supervisor.store.save(Settings(disk_gib=99, cpus=1))
    supervisor.paths.data_disk.write_bytes(b"disk")
    await reset(supervisor, ResetLevel.SETTINGS)
    assert supervisor.store.load() == Settings(disk_gib=99)
