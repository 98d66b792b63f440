"""Networks: ``/networks`` of the Docker Engine API v1.51."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.client.models import Network, Pruned
from engine.client.system import Filters
from engine.client.transport import Transport, query


@dataclass(frozen=True)
class Pool:
    """Addresses of a network, in CIDR notation. :ivar range: the part of the subnet that containers get."""

    subnet: str
    gateway: str = ""
    range: str = ""

    def json(self) -> dict[str, str]:
        """As the API has it."""
        values = {"Subnet": self.subnet, "Gateway": self.gateway, "IPRange": self.range}
        return {name: value for name, value in values.items() if value}


class Networks:
    """The engine's networks, by name or ID."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(self, filters: Filters | None = None) -> list[Network]:
        """All networks."""
        return [
            Network.of(item) for item in await self._transport.json("GET", "/networks", query(filters=filters))
        ]

    async def create(
        self,
        name: str,
        *,
        driver: str = "bridge",
        internal: bool = False,
        ipv6: bool = False,
        pools: Sequence[Pool] = (),
        labels: Mapping[str, str] | None = None,
    ) -> str:
        """Make one; its ID.

        :param pools: where addresses are from; chosen by the engine when there is none.
        :raise Conflict: the name is taken.
        """
        body: dict[str, Any] = {
            "Name": name,
            "Driver": driver,
            "Internal": internal,
            "EnableIPv6": ipv6,
            "Labels": dict(labels or {}),
        }
        if pools:
            body["IPAM"] = {"Config": [pool.json() for pool in pools]}
        return str((await self._transport.json("POST", "/networks/create", body=body))["Id"])

    async def inspect(self, name: str) -> dict[str, Any]:
        """All about one, as the engine's own JSON."""
        values: dict[str, Any] = await self._transport.json("GET", f"/networks/{name}")
        return values

    async def connect(self, name: str, container: str, aliases: tuple[str, ...] = ()) -> None:
        """Put a container into it, by further names if wanted."""
        body: dict[str, Any] = {"Container": container}
        if aliases:
            body["EndpointConfig"] = {"Aliases": list(aliases)}
        await self._transport.call("POST", f"/networks/{name}/connect", body=body)

    async def disconnect(self, name: str, container: str, *, force: bool = False) -> None:
        """Take a container out of it."""
        await self._transport.call(
            "POST", f"/networks/{name}/disconnect", body={"Container": container, "Force": force}
        )

    async def remove(self, name: str) -> None:
        """Remove it.

        :raise Denied: it is one of the engine's own, or in use.
        """
        await self._transport.call("DELETE", f"/networks/{name}")

    async def prune(self, filters: Filters | None = None) -> Pruned:
        """Remove all that no container uses."""
        values = await self._transport.json("POST", "/networks/prune", query(filters=filters))
        return Pruned(tuple(values.get("NetworksDeleted") or ()), 0)
