"""The engine as a whole: versions, information, disk use and events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from engine.client.models import Event, Version
from engine.client.streams import objects
from engine.client.transport import Transport, query

Filters = Mapping[str, Sequence[str]]
"""A filter's name → the values it may have, as in ``docker ps --filter``."""


class System:
    """``/version``, ``/info``, ``/system/df``, ``/build/prune``, ``/events``."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def version(self) -> Version:
        """Versions and platform of the engine and its parts."""
        return Version.of(await self._transport.json("GET", "/version"))

    async def info(self) -> dict[str, Any]:
        """The engine's own description (``docker info``), as it is."""
        values: dict[str, Any] = await self._transport.json("GET", "/info")
        return values

    async def df(self, *kinds: str) -> dict[str, Any]:
        """Disk use as the engine reports it.

        :param kinds: any of ``container``, ``image``, ``volume``, ``build-cache``; all when none is named.
        """
        chosen = "&".join(f"type={kind}" for kind in kinds)
        values: dict[str, Any] = await self._transport.json("GET", f"/system/df?{chosen}".rstrip("?"))
        return values

    async def prune_builds(self) -> int:
        """Empty the build cache; bytes that are free again."""
        values = await self._transport.json("POST", "/build/prune", query(all=True))
        return int(values.get("SpaceReclaimed") or 0)

    async def events(
        self, filters: Filters | None = None, since: float | None = None, until: float | None = None
    ) -> AsyncIterator[Event]:
        """What happens, as it happens, until ``until`` or without end.

        :param since: begin with what has happened since then; seconds since 1970.
        :raise EngineUnreachable: the engine went away.
        """
        async with self.event_stream(filters, since, until) as found:
            async for event in found:
                yield event

    @asynccontextmanager
    async def event_stream(
        self, filters: Filters | None = None, since: float | None = None, until: float | None = None
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """:meth:`events`, entered when the engine has answered.

        :raise EngineUnreachable: it does not, or went away.
        """
        params = query(filters=filters, since=since, until=until)
        async with self._transport.stream("GET", "/events", params) as reply:
            yield (Event.of(item) async for item in objects(reply.aiter_raw()))
