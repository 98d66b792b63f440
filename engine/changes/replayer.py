"""Keeps the host's watcher and the guest's program together while machine, link and containers come and go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from engine.changes.change import Change, essence, record, spare
from engine.changes.teller import Teller
from engine.changes.used import share_of, used
from engine.changes.watcher import Watcher
from engine.client import EngineClient
from engine.following import events_from_now, look_whenever, while_it_answers
from vm.guest.stream import Carrier
from vm.guest.while_linked import WhileLinked

log = logging.getLogger(__name__)

COLLECT_SECONDS = 0.02
"""Changes so close to each other are told together, and what cancels out among them not at all."""

LOOK_SECONDS = 3.0
"""How often is looked for a mounted folder that is not there; there is no event for that."""

CHECK_SECONDS = 1.0
"""How often is looked whether what is leased can still be followed: a folder that is moved itself says nothing."""

CALM_SECONDS = 10.0
"""Without a lease after many changes: where some were lost, watchdog walks anew, and misses others meanwhile."""

MANY = 1000
"""More changes than this at once may be more than the system could tell; it has room for 16,384 that wait."""

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
        self._watching = asyncio.Lock()  # what is watched is changed, or depended upon
        self._watched = asyncio.Event()  # something else is by now
        self._changed = asyncio.Event()  # something else may have to be
        self._calm = 0.0  # from when on leases are granted, by the loop's clock

    async def work(self, way: Carrier) -> None:
        if self._watcher is None:
            self._watcher = Watcher(self._ignored)
        watcher, teller = self._watcher, Teller(way, self._shares)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow(watcher, teller), name="mounts in use")
                group.create_task(self._tell(watcher, teller), name="changes of the host")
                group.create_task(self._keep_leases(watcher, teller), name="leases")
        finally:
            await teller.close()

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

    async def _follow(self, watcher: Watcher, teller: Teller) -> None:
        async def follow(engine: EngineClient) -> None:
            events = events_from_now(engine, {"type": ["container"], "event": list(MOUNTING)})
            await look_whenever(self._changed, events, partial(self._look, engine, watcher, teller))

        await while_it_answers(self._socket, follow)

    async def _look(self, engine: EngineClient, watcher: Watcher, teller: Teller) -> float | None:
        """What is mounted now; when to look again."""
        mounts = [mount for one in await engine.containers.list() for mount in one.mounts]
        found = await asyncio.to_thread(used, mounts, self._shares())
        self._held = found.held
        async with self._watching:
            lasting = found.trees & await asyncio.to_thread(watcher.exact)
            await teller.lease(teller.leased & lasting)  # the others end before nobody follows them
            complete = await asyncio.to_thread(watcher.watch, found)
        self._watched.set()
        return None if complete else LOOK_SECONDS

    # -- what is told ---------------------------------------------------------------------------------------------

    async def _tell(self, watcher: Watcher, teller: Teller) -> None:
        while True:
            await watcher.news.wait()
            await asyncio.sleep(COLLECT_SECONDS)
            changes = watcher.take()
            if len(changes) <= MANY:
                await teller.tell(await asyncio.to_thread(self._records, changes))
                continue
            async with self._watching:
                self._calm = asyncio.get_running_loop().time() + CALM_SECONDS
                await teller.lease(())
                await teller.tell(await asyncio.to_thread(self._records, changes))

    async def _keep_leases(self, watcher: Watcher, teller: Teller) -> None:
        while True:
            async with self._watching:
                trees = await asyncio.to_thread(watcher.exact)
                await teller.lease(trees if asyncio.get_running_loop().time() >= self._calm else ())
            if watcher.outdated:
                self._changed.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECK_SECONDS if trees else None):
                    await self._watched.wait()
            self._watched.clear()

    def _records(self, changes: Sequence[Change]) -> bytes:
        shares = self._shares()
        found = bytearray()
        for change in essence(spare(changes, self._held)):
            share = share_of(change.path, shares)
            if share is not None:
                found += record(change, share)
        return bytes(found)
