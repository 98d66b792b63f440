"""Volumes as rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from desktop.ui.models.format import age
from desktop.ui.models.origin import HERE, Origin
from desktop.ui.models.records import Column, Row
from engine.client.models import Container, Volume


@dataclass(frozen=True)
class VolumeLine:
    """A volume. :ivar users: names of the containers that mount it.    :ivar origin: its engine."""

    volume: Volume
    users: tuple[str, ...]
    origin: Origin = HERE


def volume_rows(volumes: Iterable[Volume], containers: Iterable[Container], origin: Origin = HERE) -> list[Row]:
    """One row for each volume."""
    users: dict[str, list[str]] = {}
    for container in containers:
        for mount in container.mounts:
            if mount.get("Type") == "volume":
                users.setdefault(str(mount.get("Name")), []).append(container.name)
    return [
        Row(origin.key(item.name), VolumeLine(item, tuple(users.get(item.name, ())), origin)) for item in volumes
    ]


def timestamp(text: str) -> float:
    """An RFC 3339 date as seconds since 1970; 0 for any other text."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def _created(item: VolumeLine) -> float:
    return timestamp(item.volume.created)


NAME, PLATFORM, DRIVER, USERS, CREATED = range(5)

COLUMNS = (
    Column("Name", lambda item: item.volume.name, width=0),
    Column("Platform", lambda item: item.origin.platform, width=124, rank=2),
    Column("Driver", lambda item: item.volume.driver, width=90, rank=4),
    Column("In use by", lambda item: ", ".join(item.users), width=240),
    Column("Created", lambda item: age(_created(item)), lambda item: -_created(item), width=130, rank=3),
)
