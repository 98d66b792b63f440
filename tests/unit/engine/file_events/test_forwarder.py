"""The forwarder: what running containers mount is watched, and changes go on after each kind of failure."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

from engine import events as events_module
from engine.events import EngineEvents
from engine.file_events import FileEventForwarder, forwarder, watcher
from tests.unit.carriers import MemoryCarrier, MemoryStream
from tests.unit.eventful_engine import EventfulEngine
from tests.unit.local_server import SocketRoute, serving
from tests.unit.sshd import eventually


@dataclass
class Guest:
    """The program in the guest: keeps what it reads."""

    heard: bytes = b""
    starts: int = 0

    async def __call__(self, stream: MemoryStream) -> None:
        self.starts += 1
        while data := await stream.read(1 << 16):
            self.heard += data


@dataclass
class Stage:
    folder: Path
    engine: EventfulEngine
    guest: Guest
    forwarder: FileEventForwarder
    carrier: MemoryCarrier = field(init=False)

    def __post_init__(self) -> None:
        self.carrier = MemoryCarrier(self.guest)

    async def forwards(self, name: str) -> None:
        """Until a change of that file has reached the guest; it is changed again and again."""
        async with asyncio.timeout(20):
            while name.encode() not in self.guest.heard:
                (self.folder / "mounted" / name).touch()
                await asyncio.sleep(0.02)


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    for name in ("DIAL_SECONDS", "RETRY_SECONDS"):
        monkeypatch.setattr(events_module, name, 0.01)
    monkeypatch.setattr(forwarder, "LOOK_SECONDS", 0.05)
    folder = tmp_path / "share"
    (folder / "mounted").mkdir(parents=True)
    mount = {"Type": "bind", "Source": f"{folder}/mounted"}
    engine = EventfulEngine({"/containers/json": [{"Id": "a" * 64, "Mounts": [mount]}]})
    async with serving(tmp_path / "e", engine.serve):
        events = EngineEvents()
        events.use(SocketRoute(tmp_path / "e"))
        made = FileEventForwarder(events, lambda: [str(folder)], ())
        yield Stage(folder, engine, Guest(), made)
        await made.close()
        await events.close()


async def test_changes_reach_the_guest(stage: Stage) -> None:
    stage.forwarder.use(stage.carrier)
    await stage.forwards("one")
    assert stage.guest.starts == 1
    assert stage.forwarder.unwatched == {}


async def test_what_is_mounted_is_looked_at_when_a_container_starts(stage: Stage) -> None:
    mounted = stage.engine.replies["/containers/json"]
    stage.engine.replies["/containers/json"] = []
    stage.forwarder.use(stage.carrier)
    await eventually(lambda: any("/containers/json" in head for head in stage.engine.asked))
    stage.engine.replies["/containers/json"] = mounted
    stage.engine.tell("container", "start", {})
    await stage.forwards("one")


async def test_an_unforeseen_error_does_not_end_it(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    take, failures = watcher.Watcher.take, [ValueError("unforeseen")]

    def fails_once(self: watcher.Watcher) -> object:
        if failures:
            raise failures.pop()
        return take(self)

    monkeypatch.setattr(watcher.Watcher, "take", fails_once)
    stage.forwarder.use(stage.carrier)
    await stage.forwards("one")
    assert failures == []
    assert stage.forwarder.health.error == "ValueError: unforeseen"


async def test_a_full_disk_for_temporary_files(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object, **options: object) -> NoReturn:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "mkdtemp", full)
    stage.forwarder.use(stage.carrier)
    await stage.forwards("one")
    assert stage.forwarder.health.ok
