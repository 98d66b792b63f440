"""Volumes and networks as rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from desktop.ui.models.format import age, short_id
from desktop.ui.models.records import Column, Row
from engine.client.models import Container, Network, Volume

OWN_NETWORKS = ("bridge", "host", "none")
"""The engine's own; they cannot be removed."""


@dataclass(frozen=True)
class VolumeLine:
    """A volume. :ivar users: names of the containers that have it."""

    volume: Volume
    users: tuple[str, ...]


@dataclass(frozen=True)
class NetworkLine:
    """A network. :ivar users: names of the containers that are in it."""

    network: Network
    users: tuple[str, ...]

    @property
    def own(self) -> bool:
        """Whether it is one of the engine's own."""
        return self.network.name in OWN_NETWORKS


@dataclass(frozen=True)
class Member:
    """A running container in a network. :ivar key: its ID."""

    key: str
    name: str
    ipv4: str
    ipv6: str
    mac: str


def members(network: Mapping[str, Any]) -> list[Member]:
    """The containers in a network, out of what inspecting it tells."""
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


def volume_rows(volumes: Iterable[Volume], containers: Iterable[Container]) -> list[Row]:
    """One row for each volume."""
    users: dict[str, list[str]] = {}
    for container in containers:
        for mount in container.mounts:
            if mount.get("Type") == "volume":
                users.setdefault(str(mount.get("Name")), []).append(container.name)
    return [Row(item.name, VolumeLine(item, tuple(users.get(item.name, ())))) for item in volumes]


def network_rows(networks: Iterable[Network], containers: Iterable[Container]) -> list[Row]:
    """One row for each network."""
    users: dict[str, list[str]] = {}
    for container in containers:
        for name in container.networks:
            users.setdefault(name, []).append(container.name)
    return [Row(item.id, NetworkLine(item, tuple(users.get(item.name, ())))) for item in networks]


def moment(text: str) -> float:
    """RFC 3339 as seconds since 1970; 0 when it is none."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def _created(item: VolumeLine) -> float:
    return moment(item.volume.created)


VOLUME_COLUMNS = (
    Column("Name", lambda item: item.volume.name, width=0),
    Column("Driver", lambda item: item.volume.driver, width=90),
    Column("In use by", lambda item: ", ".join(item.users), width=240),
    Column(
        "Created",
        lambda item: age(_created(item)),
        lambda item: -_created(item),
        width=130,
    ),
)

NETWORK_COLUMNS = (
    Column("Name", lambda item: item.network.name, width=0),
    Column("ID", lambda item: short_id(item.network.id), tip=lambda item: item.network.id, width=124),
    Column("Driver", lambda item: item.network.driver, width=90),
    Column("Subnet", lambda item: ", ".join(item.network.subnets), width=140),
    Column("In use by", lambda item: ", ".join(item.users), width=240),
)
