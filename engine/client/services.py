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

        :raise Unavailable: the engine manages no swarm, which it logs as an error of its own. Before this,
            ``Swarm.ControlAvailable`` of :meth:`.System.info` says.
        """
        return [Service.of(item) for item in await self._transport.json("GET", "/services")]
