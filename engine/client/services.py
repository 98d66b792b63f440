"""Services of a swarm: ``/services`` of the Docker Engine API v1.51."""

from __future__ import annotations

from engine.client.models import Service
from engine.client.transport import Transport


class Services:
    """The services of the swarm that the engine manages."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(self) -> list[Service]:
        """All services.

        :raise Unavailable: the engine manages no swarm. It logs that as an error of its own; see :meth:`managed`.
        """
        return [Service.of(item) for item in await self._transport.json("GET", "/services")]

    async def managed(self) -> bool:
        """Whether the engine manages a swarm."""
        swarm = (await self._transport.json("GET", "/info")).get("Swarm") or {}
        return bool(swarm.get("ControlAvailable"))
