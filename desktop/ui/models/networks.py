"""Networks as rows, and the containers connected to one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from desktop.ui.models.format import short_id
from desktop.ui.models.origin import HERE, Origin
from desktop.ui.models.records import Column, Row
from engine.client.models import Container, Network

PREDEFINED = ("bridge", "host", "none")
"""The engine's own networks; they cannot be removed."""


WINDOWS_NETWORK = "nat"
"""That of the engine of Windows containers, and its driver."""


@dataclass(frozen=True)
class NetworkLine:
    """A network. :ivar users: names of the containers connected to it.    :ivar origin: its engine."""

    network: Network
    users: tuple[str, ...]
    origin: Origin = HERE

    @property
    def predefined(self) -> bool:
        """Whether it is one of the engine's own networks."""
        return self.network.name in PREDEFINED or self.network.name == self.network.driver == WINDOWS_NETWORK


@dataclass(frozen=True)
class Member:
    """A running container in a network. :ivar key: its ID."""

    key: str
    name: str
    ipv4: str
    ipv6: str
    mac: str


def members(network: Mapping[str, Any]) -> list[Member]:
    """The containers in a network, from its ``inspect`` values."""
    found = (network.get("Containers") or {}).items()
    return [
        Member(
            key,
            str(item.get("Name") or key[:12]),
            str(item.get("IPv4Address") or ""),
            str(item.get("IPv6Address") or ""),
            str(item.get("MacAddress") or ""),
        )
        for key, item in found
    ]


def network_rows(networks: Iterable[Network], containers: Iterable[Container], origin: Origin = HERE) -> list[Row]:
    """One row for each network."""
    users: dict[str, list[str]] = {}
    for container in containers:
        for name in container.networks:
            users.setdefault(name, []).append(container.name)
    return [Row(item.id, NetworkLine(item, tuple(users.get(item.name, ())), origin)) for item in networks]


NAME, ID, PLATFORM, DRIVER, SUBNET, USERS = range(6)

COLUMNS = (
    Column("Name", lambda item: item.network.name, width=0),
    Column("ID", lambda item: short_id(item.network.id), tip=lambda item: item.network.id, width=124, rank=5),
    Column("Platform", lambda item: item.origin.platform, width=124, rank=5),
    Column("Driver", lambda item: item.network.driver, width=90, rank=2),
    Column("Subnet", lambda item: ", ".join(item.network.subnets), width=140, rank=3),
    Column("In use by", lambda item: ", ".join(item.users), width=200),
)
