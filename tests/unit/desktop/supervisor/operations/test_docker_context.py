"""The Docker context after a start: a note for each client, and a warning where it cannot be changed."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from desktop.control.schema import CallerEnvironment, Event
from desktop.settings.store import SettingsStore
from desktop.supervisor.operations.docker_context import DockerContext
from desktop.supervisor.settings import LiveSettings
from desktop.supervisor.warnings import Warnings
from engine.context_store import ContextError
from tests.unit.broken_files import KINDS, NOBODY, broken, roomy_folder
from vm.host import docker_address, host
from vm.host.paths import Paths

DONE = Event("done", "Moby answers")


class Kit:
    """An operation and what it warns of."""

    def __init__(self, folder: Path, home: str = "home") -> None:
        self.folder = folder
        self.paths = Paths(folder / home, folder / "cache")
        self.paths.prepare()
        self.warnings = Warnings()
        settings = LiveSettings(SettingsStore(self.paths.settings), host())
        self.context = DockerContext(self.paths, settings, self.warnings)

    def caller(self, name: str, **variables: str) -> CallerEnvironment:
        return CallerEnvironment.of({"DOCKER_CONFIG": str(self.folder / name), **variables})

    async def start(self, *callers: CallerEnvironment) -> list[str]:
        """A start that all of them follow: the last line for each."""
        for caller in callers:
            self.context.expect(caller)
        assert await self.context.offer_expected() == ""
        return [(await self.context.with_note(DONE, caller)).text for caller in callers]


@pytest.fixture
def kit() -> Iterator[Kit]:
    with roomy_folder() as folder:
        yield Kit(folder)


async def test_each_client_of_a_start_gets_its_own_note(kit: Kit) -> None:
    ann, bob = kit.caller("ann"), kit.caller("bob", DOCKER_HOST="tcp://b:1")
    of_ann, of_bob = await kit.start(ann, bob)
    assert of_ann.startswith(
        "Moby answers\nThe context “default” does not work. docker uses the context “slipway”"
    )
    assert of_bob.startswith("Moby answers\nDOCKER_HOST is set to “tcp://b:1”, which overrides the context.")
    for name in ("ann", "bob"):
        assert list((kit.folder / name / "contexts" / "meta").iterdir())
    assert await kit.start(ann) == ["Moby answers"]


async def test_a_start_of_what_runs_makes_the_context_too(kit: Kit) -> None:
    """In a terminal with another DOCKER_CONFIG there was none yet."""
    ann = kit.caller("ann")
    kit.context.expect(ann)
    progress = Event("progress", "looking")
    assert await kit.context.with_note(progress, ann) is progress
    assert "“slipway”" in (await kit.context.with_note(DONE, ann)).text
    assert (await kit.context.report(ann)).current == "slipway"


async def test_a_host_that_is_ours_overrides_nothing(kit: Kit) -> None:
    ann = kit.caller("ann", DOCKER_HOST=kit.paths.docker_host)
    (note,) = await kit.start(ann)
    assert "overrides" not in note
    assert (await kit.context.report(ann)).ours


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_broken_ends_no_start(kit: Kit, kind: str) -> None:
    """It is told with a hint, at the start and in the status, until it works."""
    caller = kit.caller("docker")
    with broken(kit.folder / "docker" / "config.json", kind) as path:
        (note,) = await kit.start(caller)
        (warning,) = kit.warnings.list()
        with pytest.raises(ContextError):
            await kit.context.use(caller)
    assert str(kit.folder / "docker") in note
    assert warning.message in note
    assert warning.hint.endswith("Then: slipway context use")
    assert len(warning.hint) > 40
    if path.parent.is_dir() and kind != "another user's":
        path.rmdir() if path.is_dir() and not path.is_symlink() else path.unlink()
        await kit.context.use(caller)
        assert kit.warnings.list() == ()


async def test_a_folder_of_root_s(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after one “sudo docker”: it can be read, and not written."""
    monkeypatch.setenv("HOME", str(kit.folder))
    caller = CallerEnvironment.of({})
    Path(caller.docker_config).mkdir()
    os.chown(kit.paths.contexts.parent, NOBODY, -1)
    with broken(kit.folder / "other" / "file", "another user's"):
        (note,) = await kit.start(caller)
    assert f'sudo chown -R "$(id -un)" {caller.docker_config}' in note
    assert "cannot be written: Permission denied" in kit.warnings.list()[0].message


async def test_a_socket_whose_path_docker_cannot_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_address, "LINKS", tmp_path / "links")
    kit = Kit(tmp_path, "100%")
    caller = kit.caller("ann")
    (note,) = await kit.start(caller)
    assert "nor can a link be made" in note  # there is no folder for it
    (tmp_path / "links").mkdir()
    await kit.start(caller)
    report = await kit.context.report(caller)
    assert report.ours
    assert Path(report.address.removeprefix("unix://")).readlink() == kit.paths.docker_socket
    assert kit.warnings.list() == ()
    meta = json.loads(next((tmp_path / "ann" / "contexts" / "meta").glob("*/meta.json")).read_text())
    assert meta["Endpoints"]["docker"]["Host"] == report.address


async def test_of_two_equal_clients_one_leaves(kit: Kit) -> None:
    ann = kit.caller("ann")
    kit.context.expect(ann)
    kit.context.expect(ann)
    kit.context.dismiss(ann)
    await kit.context.offer_expected()
    assert "“slipway”" in (await kit.context.with_note(DONE, ann)).text
    kit.context.dismiss(ann)  # which is no longer expected
    assert (await kit.context.report(ann)).current == "slipway"


async def test_clients_that_have_left_are_forgotten(kit: Kit) -> None:
    for _ in range(2):
        kit.context.expect(kit.caller("ann"))
        kit.context.dismiss(kit.caller("ann"))
    await kit.start(kit.caller("bob"))
    assert not (kit.folder / "ann").exists()
