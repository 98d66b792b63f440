"""Reset in levels, on real files: what each deletes and keeps, and that the engine is stopped for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from desktop.control.schema import Event, ResetLevel
from desktop.settings.schema import Settings
from desktop.settings.store import SettingsStore
from desktop.supervisor.context import Work
from desktop.supervisor.operations.desktop_entry import DesktopEntry
from desktop.supervisor.operations.reset import Reset
from desktop.supervisor.settings import LiveSettings
from desktop.system import Launch, system
from engine.contexts import Contexts
from vm.errors import UserError
from vm.host import host
from vm.host.paths import Paths
from vm.image.kubernetes.build import KUBERNETES
from vm.image.store import ImageStore


class Operations:
    """Notes what was done while the engine was stopped."""

    def __init__(self) -> None:
        self.names: list[str] = []

    async def while_stopped(self, name: str, work: Work) -> AsyncIterator[Event]:
        self.names.append(name)
        told: list[Event] = []
        outcome = await work(told.append)
        for event in [*told, Event("done", outcome)]:
            yield event


class Installation:
    """One that has everything a reset can delete. :ivar forgotten: how often the sockets were."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = Paths(folder / "SLIPWAY_HOME", folder / "cache")
        self.paths.prepare()
        self.settings = LiveSettings(SettingsStore(self.paths.settings), host())
        self.entry = DesktopEntry(self.paths)
        self.settings.effects.append(self.entry)
        self.broken: UserError | None = None
        self.contexts = Contexts(self.paths.contexts)
        self.operations = Operations()
        self.forgotten = self.tls_ended = self.cluster_ended = 0
        self.stores = [
            ImageStore(folder / "cache" / "images"),
            ImageStore(folder / "cache" / "kubernetes", KUBERNETES),
        ]
        self.reset = Reset(
            self.paths,
            self.settings,
            self.operations,
            self.stores,
            self.entry,
            self._forget,
            self._end_tls,
            self._end_cluster,
        )

    def _forget(self) -> None:
        self.forgotten += 1

    async def _end_tls(self) -> None:
        self.tls_ended += 1

    async def _end_cluster(self) -> None:
        self.cluster_ended += 1
        if self.broken:
            raise self.broken

    async def furnish(self) -> None:
        self.paths.data_disk.write_bytes(b"disk")
        self.contexts.use(self.paths.docker_host)
        await self.settings.change({"start_at_login": "true", "wait_seconds": "90"})
        self.entry.set_menu(True)

    async def run(self, level: ResetLevel) -> list[str]:
        return [event.text async for event in self.reset.run(level) if event.kind == "done"]

    def left(self) -> tuple[bool, bool, bool, bool, bool]:
        """What is still there: the disk, the settings, the start at login, the menu, the context."""
        return (
            self.paths.data_disk.exists(),
            self.settings.get().wait_seconds == 90,
            system().starts_at_login(Launch.of(self.paths, background=True)),
            any((self.folder / "XDG_DATA_HOME" / "applications").glob("*")),
            self.contexts.store.current() == "slipway",
        )


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installation:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "DOCKER_CONFIG", "SLIPWAY_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    return Installation(tmp_path)


@pytest.mark.parametrize(
    ("level", "wanted", "stopped"),
    [
        (ResetLevel.SETTINGS, (True, False, False, True, True), []),
        (ResetLevel.DATA, (False, True, True, True, False), ["reset"]),
        (ResetLevel.ALL, (False, False, False, False, False), ["reset"]),
    ],
)
async def test_reset_in_levels(
    installation: Installation,
    level: ResetLevel,
    wanted: tuple[bool, bool, bool, bool, bool],
    stopped: list[str],
) -> None:
    await installation.furnish()
    assert installation.left() == (True, True, True, True, True)
    assert installation.reset.plan(level)
    assert len(await installation.run(level)) == 1
    assert installation.left() == wanted
    assert installation.operations.names == stopped
    assert installation.forgotten == len(stopped)
    assert installation.cluster_ended == len(stopped)
    assert installation.tls_ended == (level is ResetLevel.ALL)
    assert len(await installation.run(level)) == 1  # again, with nothing there


async def test_a_kubeconfig_that_cannot_be_edited_is_named_and_holds_nothing_up(
    installation: Installation,
) -> None:
    await installation.furnish()
    installation.broken = UserError("The kubeconfig cannot be read", "Check its owner")
    (text,) = await installation.run(ResetLevel.ALL)
    assert "The context of kubectl was left: The kubeconfig cannot be read. Check its owner" in text
    assert installation.left() == (False, False, False, False, False)


async def test_the_plan_names_certificates_that_there_are(installation: Installation) -> None:
    assert not any("TLS" in sentence for sentence in installation.reset.plan(ResetLevel.ALL))
    installation.paths.tls.mkdir()
    assert any("TLS" in sentence for sentence in installation.reset.plan(ResetLevel.ALL))
    assert not any("TLS" in sentence for sentence in installation.reset.plan(ResetLevel.DATA))


async def test_a_reset_replaces_settings_that_are_nonsense(installation: Installation) -> None:
    installation.paths.settings.write_text("{")
    await installation.run(ResetLevel.SETTINGS)
    assert installation.settings.resolved().disk_gib == Settings().disk_gib


async def test_the_size_of_a_disk_that_stays_is_kept(installation: Installation) -> None:
    await installation.settings.change({"disk_gib": "99", "cpus": "1"})
    installation.paths.data_disk.write_bytes(b"disk")
    await installation.run(ResetLevel.SETTINGS)
    assert installation.settings.get() == Settings(disk_gib=99)
