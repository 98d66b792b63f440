"""Volumes: ``/volumes`` of the Docker Engine API v1.51."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.client.models import Pruned, Volume
from engine.client.system import Filters
from engine.client.transport import Transport, query


class Volumes:
    """The engine's volumes, by name."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(self, filters: Filters | None = None) -> list[Volume]:
        """All volumes."""
        values = await self._transport.json("GET", "/volumes", query(filters=filters))
        return [Volume.of(item) for item in values.get("Volumes") or ()]

    async def create(
        self,
        name: str | None = None,
        *,
        driver: str = "local",
        options: Mapping[str, str] | None = None,
        labels: Mapping[str, str] | None = None,
    ) -> Volume:
        """Make one, or find the one of that name."""
        body = {"Name": name or "", "Driver": driver, "DriverOpts": options or {}, "Labels": labels or {}}
        return Volume.of(await self._transport.json("POST", "/volumes/create", body=body))

    async def inspect(self, name: str) -> dict[str, Any]:
        """All about one, as the engine's own JSON."""
        values: dict[str, Any] = await self._transport.json("GET", f"/volumes/{name}")
        return values

    async def remove(self, name: str, *, force: bool = False) -> None:
        """Remove it and what is in it.

        :raise Conflict: a container uses it.
        """
        await self._transport.call("DELETE", f"/volumes/{name}", query(force=force))

    async def prune(self, *, all: bool = False, filters: Filters | None = None) -> Pruned:
        """Remove the anonymous ones that no container uses, or ``all`` such."""
        wanted = {**(filters or {}), **({"all": ["true"]} if all else {})}
        values = await self._transport.json("POST", "/volumes/prune", query(filters=wanted))
        return Pruned(tuple(values.get("VolumesDeleted") or ()), int(values.get("SpaceReclaimed") or 0))
