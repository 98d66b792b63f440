"""Copies of volumes that were removed in the window, from which they can be restored.

A copy is two files in a folder of Slipway's: ``KEY.tar.zst`` with the content, and then ``KEY.json``, which makes
it count. Old ones go after some time, and when all of them together are too large.
"""

from __future__ import annotations

import asyncio
import json
import shutil
import time
import uuid
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from desktop.ui.bulk import Outcome
from desktop.ui.models.volumes import free_name
from desktop.ui.volume_archives import ENDING, export_volume, fill_volume, new_volume
from engine.client import EngineClient
from engine.client.errors import ApiError
from engine.client.models import Progress
from vm.errors import EngineError, UserError

KEPT_DAYS = 14
KEPT_BYTES = 10 * 10**9
"""All copies together have no more bytes on the host."""

SPARE_BYTES = 2 * 10**9
"""What a copy leaves free on the host's disk."""

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class RemovedVolume:
    """What is known of one.

    :ivar engine: which one it was in.    :ivar size: its bytes.    :ivar stored: those of the copy.
    :ivar removed: seconds since 1970.    :ivar content: whether there is an archive; what a driver's options name
    outlives the volume, and is not copied.
    """

    key: str
    name: str
    engine: str
    size: int
    removed: float
    labels: dict[str, str] = field(hash=False)
    driver: str = "local"
    options: dict[str, str] = field(default_factory=dict, hash=False)
    content: bool = True
    stored: int = 0


@dataclass(frozen=True)
class Wanted:
    """A volume to be removed. :ivar size: its bytes, about."""

    name: str
    size: int


class RemovedVolumes:
    """The copies in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def found(self, engine: str | None = None) -> list[RemovedVolume]:
        """Those that are whole, the newest first; of one engine, or of all. It waits for the disk."""
        every = [one for path in self.folder.glob("*.json") if (one := _read(path)) is not None]
        mine = [one for one in every if engine is None or one.engine == engine]
        return sorted(mine, key=lambda one: -one.removed)

    def room_for(self, size: int) -> bool:
        """Whether a copy of so many bytes may be made. It waits for the disk."""
        place = next(path for path in (self.folder, *self.folder.parents) if path.exists())
        return size <= KEPT_BYTES and shutil.disk_usage(place).free >= size + SPARE_BYTES

    def forget(self, *keys: str) -> None:
        """Delete copies. It waits for the disk."""
        for key in keys:
            for ending in (".json", ENDING):
                (self.folder / f"{key}{ending}").unlink(missing_ok=True)

    def tidy(self, now: float | None = None) -> None:
        """Delete what is too old or too much, and what was interrupted. It waits for the disk."""
        now, total = time.time() if now is None else now, 0
        found = self.found()
        for one in found:
            total += one.stored
            if now - one.removed > KEPT_DAYS * DAY_SECONDS or total > KEPT_BYTES:
                self.forget(one.key)
        known = {one.key for one in found}
        for path in self.folder.glob(f"*{ENDING}*"):
            if path.name.partition(".")[0] not in known and now - path.stat().st_mtime > DAY_SECONDS:
                path.unlink(missing_ok=True)

    async def keep(
        self, engine: EngineClient, where: str, wanted: Wanted, made: list[RemovedVolume]
    ) -> AsyncGenerator[Progress]:
        """Copy a volume.

        :param where: the engine's name here.    :param made: gets what was made.
        """
        await asyncio.to_thread(self.folder.mkdir, mode=0o700, parents=True, exist_ok=True)
        if not await asyncio.to_thread(self.room_for, wanted.size):
            raise EngineError("There is no room for a copy", "Remove it without one, or free space on your disk.")
        about = await engine.volumes.inspect(wanted.name)
        options, key = dict(about.get("Options") or {}), uuid.uuid4().hex
        content = about.get("Driver") == "local" and not options
        archive = self.folder / f"{key}{ENDING}"
        if content:
            async with aclosing(export_volume(engine, wanted.name, archive, wanted.size)) as steps:
                async for step in steps:
                    yield step
        one = RemovedVolume(
            key,
            wanted.name,
            where,
            wanted.size,
            time.time(),
            dict(about.get("Labels") or {}),
            str(about.get("Driver") or "local"),
            options,
            content,
            archive.stat().st_size if content else 0,
        )
        await asyncio.to_thread(_write, self.folder / f"{key}.json", one)
        made.append(one)
        await asyncio.to_thread(self.tidy)

    async def restore(
        self, engine: EngineClient, one: RemovedVolume, restored: list[str]
    ) -> AsyncGenerator[Progress]:
        """Make a volume of a copy, under another name if its own is taken; then the copy goes.

        :param restored: gets the name.
        """
        name = free_name(one.name, [item.name for item in await engine.volumes.list()])
        async with new_volume(engine, name, driver=one.driver, options=one.options, labels=one.labels):
            if one.content:
                async with aclosing(fill_volume(engine, self.folder / f"{one.key}{ENDING}", name)) as steps:
                    async for step in steps:
                        yield Progress(name, "Read", step.current, step.total)
        restored.append(name)
        await asyncio.to_thread(self.forget, one.key)


class Removal:
    """Removes volumes one after the other, each after it was copied.

    :param copies: None: without copies.    :ivar kept: what was removed and can be restored.
    :ivar outcomes: of each volume.
    """

    def __init__(self, engine: EngineClient, where: str, wanted: Sequence[Wanted], copies: RemovedVolumes | None):
        self._engine, self._where, self._wanted, self._copies = engine, where, wanted, copies
        self.kept: list[RemovedVolume] = []
        self.outcomes: list[Outcome] = []
        self.freed = 0

    async def run(self) -> AsyncGenerator[Progress]:
        """What one of them fails with is in its outcome."""
        for one in self._wanted:
            made: list[RemovedVolume] = []
            try:
                if self._copies is not None:
                    async with aclosing(self._copies.keep(self._engine, self._where, one, made)) as steps:
                        async for step in steps:
                            yield step
                await self._engine.volumes.remove(one.name)
            except UserError as error:
                if self._copies is not None and isinstance(error, ApiError):  # refused: it is still there
                    await asyncio.to_thread(self._copies.forget, *(copy.key for copy in made))
                self.outcomes.append(Outcome(one.name, error))
                continue
            self.kept += made
            self.freed += one.size
            self.outcomes.append(Outcome(one.name, None))
            yield Progress(one.name, "Removed", one.size or 1, one.size or 1)


def _write(path: Path, one: RemovedVolume) -> None:
    part = path.with_suffix(".part")
    part.write_text(json.dumps(asdict(one)), encoding="utf-8")
    part.replace(path)


def _read(path: Path) -> RemovedVolume | None:
    """None of what is no such file, or went meanwhile."""
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        one = RemovedVolume(**values)
    except (OSError, ValueError, TypeError):
        return None
    return one if one.key == path.stem else None
