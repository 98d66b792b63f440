"""Volumes as rows."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from desktop.ui.models.facts import USERS as USED_BY
from desktop.ui.models.facts import Described, Fact
from desktop.ui.models.format import age, size
from desktop.ui.models.origin import HERE, Origin
from desktop.ui.models.records import Column, Row
from desktop.ui.models.run import name_error
from engine.client.models import Container, Volume


@dataclass(frozen=True)
class VolumeLine:
    """A volume.

    :ivar users: names of the containers that mount it.    :ivar running: those of them that run.
    :ivar size: bytes; None while that is not known.    :ivar origin: its engine.
    """

    volume: Volume
    users: tuple[str, ...]
    running: tuple[str, ...] = ()
    size: int | None = None
    origin: Origin = HERE


def volume_rows(
    volumes: Iterable[Volume],
    containers: Iterable[Container],
    origin: Origin = HERE,
    sizes: Mapping[str, int] | None = None,
) -> list[Row]:
    """One row for each volume."""
    users: dict[str, list[Container]] = {}
    for container in containers:
        for mount in container.mounts:
            if mount.get("Type") == "volume":
                users.setdefault(str(mount.get("Name")), []).append(container)
    return [
        Row(
            origin.key(item.name),
            VolumeLine(
                item,
                tuple(user.name for user in users.get(item.name, ())),
                tuple(user.name for user in users.get(item.name, ()) if user.state in RUNNING),
                (sizes or {}).get(item.name),
                origin,
            ),
        )
        for item in volumes
    ]


def free_name(wanted: str, taken: Iterable[str]) -> str:
    """A name that no volume has yet: ``cache-2`` where ``cache`` is taken."""
    names = set(taken)
    numbered = (f"{wanted}-{number}" for number in itertools.count(2))
    return wanted if wanted not in names else next(name for name in numbered if name not in names)


def file_stem(path: Path) -> str:
    """An archive's name without what says its format, as the name of a volume; empty if it cannot be one."""
    stem = path.name
    while Path(stem).suffix in ENDINGS:
        stem = Path(stem).stem
    return "" if name_error(stem) else stem


def timestamp(text: str) -> float:
    """An RFC 3339 date as seconds since 1970; 0 for any other text."""
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0


def _created(item: VolumeLine) -> float:
    return timestamp(item.volume.created)


NAME, PLATFORM, DRIVER, USERS, SIZE, CREATED = range(6)

RUNNING = ("running", "paused", "restarting")
ENDINGS = (".tar", ".zst", ".gz", ".tgz", ".xz", ".bz2")


def describe(item: VolumeLine) -> Described:
    """What the panel beside the list says."""
    facts = (
        Fact(USED_BY, links=item.users),
        Fact("Driver", item.volume.driver),
        Fact("Size", "" if item.size is None else size(item.size)),
        Fact("Created", age(_created(item))),
        Fact("Labels", ", ".join(f"{name}={value}" for name, value in item.volume.labels.items())),
        Fact("In the machine", item.volume.mountpoint),
    )
    return Described(item.volume.name, "" if item.users else "Not used", facts)


COLUMNS = (
    Column("Name", lambda item: item.volume.name, width=0),
    Column("Platform", lambda item: item.origin.platform, width=124, rank=2),
    Column("Driver", lambda item: item.volume.driver, width=90, rank=4),
    Column("In use by", lambda item: ", ".join(item.users), width=240),
    Column(
        "Size",
        lambda item: "–" if item.size is None else size(item.size),
        lambda item: -1 if item.size is None else item.size,
        width=90,
        right=True,
        rank=1,
    ),
    Column("Created", lambda item: age(_created(item)), lambda item: -_created(item), width=130, rank=3),
)
