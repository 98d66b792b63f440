"""The seam between the endpoint and the engine behind it: how a connection gets to the engine's API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from vm.guest.stream import Carrier, Stream


class Route(Protocol):
    """Leads to one engine's API. A backend supplies it; the gate hands it to the connections."""

    @property
    def name(self) -> str:
        """Where it leads, as the subject of a message: “/run/docker.sock in the machine”."""
        ...

    async def open(self) -> Stream:
        """Open one stream to the API. The endpoint cancels an attempt that takes too long.

        :raise LinkError: not now; the endpoint tries again for a while.
        :raise UserError: of any other type: the client is answered with it at once.
        """
        ...


@dataclass(frozen=True)
class GuestRoute:
    """To the Unix socket ``path`` of a guest."""

    carrier: Carrier
    path: str

    @property
    def name(self) -> str:
        """Where it leads."""
        return f"{self.path} in the machine"

    async def open(self) -> Stream:
        """Open a stream to the socket. :raise LinkError: the link is down, or nothing listens there."""
        return await self.carrier.open_unix(self.path)
