"""Runs the host's watcher and the guest's program together while machine, link and containers come and go."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial

from engine.client import EngineClient
from engine.events import EngineEvents, Interest
from engine.file_events.event_sender import EventSender
from engine.file_events.file_event import FileEvent, coalesce, drop_mountpoints, encode_event
from engine.file_events.mounts_in_use import mounts_in_use, share_of
from engine.file_events.watcher import Watcher
from vm.guest.link_task import LinkTask
from vm.guest.stream import Carrier

log = logging.getLogger(__name__)

COLLECT_SECONDS = 0.02
"""Changes so close to each other are sent together, without those that cancel each other out."""

LOOK_SECONDS = 3.0
"""How often a mounted folder that is missing is looked for; no event reports it."""

CHECK_SECONDS = 1.0
"""How often leased trees are checked: moving a watched folder itself causes no event in it."""

CALM_SECONDS = 10.0
"""Without a lease after many changes: when events are lost watchdog walks the tree again, and misses others."""

MANY = 1000
"""More changes than this at once may mean that some were lost; inotify queues 16,384."""

CONTAINERS = Interest("container", frozenset({"start", "die", "destroy"}))
"""Events of containers after which other folders may be in use."""


class FileEventForwarder(LinkTask[Carrier]):
    """Watches what running containers mount, and has the guest's program repeat the changes.

    :param events: of the engine.
    :param shares: returns the shared folders, by their paths on the host.
    :param ignored: folders whose changes are not forwarded.
    """

    def __init__(self, events: EngineEvents, shares: Callable[[], Sequence[str]], ignored: Sequence[str]) -> None:
        self._events = events
        self._shares = shares
        self._ignored = tuple(ignored)
        self._watcher: Watcher | None = None
        self._held: frozenset[str] = frozenset()
        self._watching = asyncio.Lock()  # what is watched is being changed, or depended upon
        self._watched = asyncio.Event()  # what is watched has changed
        self._changed = asyncio.Event()  # what is watched may have to change
        self._calm = 0.0  # from when on leases are granted, by the loop's clock

    async def work(self, link: Carrier) -> None:
        if self._watcher is None:
            self._watcher = Watcher(self._ignored)
        watcher, sender = self._watcher, EventSender(link, self._shares)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._follow(watcher, sender), name="mounts in use")
                group.create_task(self._send(watcher, sender), name="changes of the host")
                group.create_task(self._keep_leases(watcher, sender), name="leases")
        finally:
            await sender.close()

    @property
    def unwatched(self) -> dict[str, str]:
        """Mounted folders whose changes are not all forwarded, and why."""
        return self._watcher.unwatched if self._watcher is not None else {}

    async def close(self) -> None:
        """Stop watching."""
        await super().close()
        if self._watcher is not None:
            await asyncio.to_thread(self._watcher.close)
            self._watcher = None

    # -- what is in use -------------------------------------------------------------------------------------------

    async def _follow(self, watcher: Watcher, sender: EventSender) -> None:
        await self._events.look([CONTAINERS], partial(self._look, watcher, sender), self._changed)

    async def _look(self, watcher: Watcher, sender: EventSender, engine: EngineClient) -> float | None:
        """Watch what is mounted now; return the seconds until the next look, or None."""
        mounts = [mount for one in await engine.containers.list() for mount in one.mounts]
        found = await asyncio.to_thread(mounts_in_use, mounts, self._shares())
        self._held = found.held
        async with self._watching:
            lasting = found.trees & await asyncio.to_thread(watcher.exact)
            await sender.set_leases(sender.leased & lasting)  # the others end before their watches do
            complete = await asyncio.to_thread(watcher.watch, found)
        self._watched.set()
        return None if complete else LOOK_SECONDS

    # -- what is sent ---------------------------------------------------------------------------------------------

    async def _send(self, watcher: Watcher, sender: EventSender) -> None:
        while True:
            await watcher.news.wait()
            await asyncio.sleep(COLLECT_SECONDS)
            changes = watcher.take()
            if len(changes) <= MANY:
                await sender.send(await asyncio.to_thread(self._records, changes))
                continue
            async with self._watching:
                self._calm = asyncio.get_running_loop().time() + CALM_SECONDS
                await sender.set_leases(())
                await sender.send(await asyncio.to_thread(self._records, changes))

    async def _keep_leases(self, watcher: Watcher, sender: EventSender) -> None:
        while True:
            async with self._watching:
                trees = await asyncio.to_thread(watcher.exact)
                await sender.set_leases(trees if asyncio.get_running_loop().time() >= self._calm else ())
            if watcher.outdated:
                self._changed.set()
            with suppress(TimeoutError):
                async with asyncio.timeout(CHECK_SECONDS if trees else None):
                    await self._watched.wait()
            self._watched.clear()

    def _records(self, changes: Sequence[FileEvent]) -> bytes:
        shares = self._shares()
        found = bytearray()
        for change in coalesce(drop_mountpoints(changes, self._held)):
            share = share_of(change.path, shares)
            if share is not None:
                found += encode_event(change, share)
        return bytes(found)
