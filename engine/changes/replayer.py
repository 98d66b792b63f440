"""Keeps the host's watcher and the guest's program together while machine, link and containers come and go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from engine.changes.change import Change, essence, record, spare
from engine.changes.used import share_of, used
from engine.changes.watcher import Watcher
from engine.client import EngineClient
from vm.errors import LinkError, UserError
from vm.guest.stream import Carrier, Stream
from vm.guest.while_linked import WhileLinked

log = logging.getLogger(__name__)

PROGRAM = "/usr/lib/slipway/replay"

COLLECT_SECONDS = 0.02
"""Changes so close to each other are told together, and what cancels out among them not at all."""

LOOK_SECONDS = 3.0
"""How often is looked for a mounted folder that is not there; there is no event for that."""

RETRY_SECONDS = 1.0

MOUNTING = ("start", "die", "destroy")
"""Events of containers after which other folders may be in use."""


class Replayer(WhileLinked[Carrier]):
    """Watches what running containers mount, and has the guest's program do the changes again.

    :param socket: the engine's.
    :param shares: tells the shared folders, as this computer calls them.
    :param ignored: folders whose changes nobody is told.
    """

    def __init__(self, socket: Path, shares: Callable[[], Sequence[str]], ignored: Sequence[str]) -> None:
        self._socket = socket
        self._shares = shares
        self._ignored = tuple(ignored)
        self._watcher: Watcher | None = None
        self._held: frozenset[str] = frozenset()

    async def work(self, way: Carrier) -> None:
        if self._watcher is None:
            self._watcher = Watcher(self._ignored)
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow(self._watcher), name="mounts in use")
            group.create_task(self._tell(self._watcher, way), name="changes of the host")

    @property
    def unwatched(self) -> dict[str, str]:
        """Mounted folders of whose changes not all are told, and why."""
        return self._watcher.unwatched if self._watcher is not None else {}

    async def close(self) -> None:
        """Watch no longer."""
        await super().close()
        if self._watcher is not None:
            await asyncio.to_thread(self._watcher.close)
            self._watcher = None

    # -- what is in use -------------------------------------------------------------------------------------------

    async def _follow(self, watcher: Watcher) -> None:
        while True:
            with suppress(UserError, ConnectionError):  # the engine comes and goes
                async with EngineClient(self._socket) as engine:
                    await self._follow_engine(engine, watcher)
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow_engine(self, engine: EngineClient, watcher: Watcher) -> None:
        changed = asyncio.Event()
        changed.set()
        listening = asyncio.create_task(_listen(engine, changed))
        try:
            complete = True
            while not listening.done():
                waiting = asyncio.create_task(changed.wait())
                try:
                    pause = None if complete else LOOK_SECONDS
                    await asyncio.wait({waiting, listening}, timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                finally:
                    waiting.cancel()
                changed.clear()
                mounts = [mount for one in await engine.containers.list() for mount in one.mounts]
                found = await asyncio.to_thread(used, mounts, self._shares())
                self._held = found.held
                complete = await asyncio.to_thread(watcher.watch, found)
            await listening
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)

    # -- what is told ---------------------------------------------------------------------------------------------

    async def _tell(self, watcher: Watcher, carrier: Carrier) -> None:
        """Until cancelled; the program is started when there is something to tell for the first time."""
        stream: Stream | None = None
        try:
            while True:
                await watcher.news.wait()
                await asyncio.sleep(COLLECT_SECONDS)
                changes = watcher.take()
                data = await asyncio.to_thread(self._records, changes)
                try:
                    if data and stream is None:
                        stream = await carrier.open_exec(f"exec {PROGRAM}")
                    if data and stream is not None:
                        await stream.write(data)
                except LinkError as error:
                    log.info("changes could not be told: %s", error.message)
                    if stream is not None:
                        await stream.close()
                    stream = None
                    await asyncio.sleep(RETRY_SECONDS)
        finally:
            if stream is not None:
                await stream.close()

    def _records(self, changes: Sequence[Change]) -> bytes:
        shares = self._shares()
        found = bytearray()
        for change in essence(spare(changes, self._held)):
            share = share_of(change.path, shares)
            if share is not None:
                found += record(change, share)
        return bytes(found)


async def _listen(engine: EngineClient, changed: asyncio.Event) -> None:
    async for event in engine.events({"type": ["container"], "event": list(MOUNTING)}):
        log.debug("%s: mounts may have changed", event)
        changed.set()
