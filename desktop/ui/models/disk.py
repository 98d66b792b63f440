"""Disk use by kind, from the answer of ``/system/df``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from engine.client.models import OURS

ENDED = ("exited", "created", "dead")


@dataclass(frozen=True)
class Use:
    """One kind. :ivar reclaimable: bytes of unused objects. :ivar idle: number of unused objects."""

    bytes: int
    reclaimable: int
    idle: int


def uses(df: dict[str, Any]) -> dict[str, Use]:
    """Kind of object → its use of the disk."""
    images, containers = visible(df.get("Images")), visible(df.get("Containers"))
    volumes, cache = df.get("Volumes") or (), df.get("BuildCache") or ()
    free = [item for item in images if not item.get("Containers")]
    ended = [item for item in containers if item.get("State") in ENDED]
    idle = [item for item in volumes if not _usage(item, "RefCount")]
    unused = [item for item in cache if is_idle_cache(item)]
    return {
        "Images": Use(
            df.get("LayersSize") or 0,
            sum(item.get("Size", 0) - max(0, item.get("SharedSize", 0)) for item in free),
            len(free),
        ),
        "Containers": Use(_sum(containers, "SizeRw"), _sum(ended, "SizeRw"), len(ended)),
        "Volumes": Use(volume_bytes(volumes), volume_bytes(idle), len(idle)),
        "Build cache": Use(cache_bytes(cache), cache_bytes(unused), len(unused)),
    }


def visible(items: Any) -> list[dict[str, Any]]:
    """Images or containers, without those of our own."""
    return [item for item in items or () if OURS not in (item.get("Labels") or {})]


def is_idle_cache(item: dict[str, Any]) -> bool:
    """Whether pruning removes a step of the build cache."""
    return not item.get("InUse") and not item.get("Shared")


def cache_bytes(items: Any) -> int:
    """Bytes of steps of the build cache, without what images have as well: it is counted there."""
    return sum(item.get("Size") or 0 for item in items if not item.get("Shared"))


def volume_bytes(volumes: Any) -> int:
    """Bytes of the volumes of ``/system/df``."""
    return sum(volume_size(item) or 0 for item in volumes)


def volume_size(volume: dict[str, Any]) -> int | None:
    """Bytes of one; None where the engine does not know, which it calls -1."""
    count = (volume.get("UsageData") or {}).get("Size")
    return None if count is None or count < 0 else int(count)


def _sum(items: Any, name: str) -> int:
    return sum(item.get(name) or 0 for item in items)


def _usage(volume: dict[str, Any], name: str) -> int:
    return int((volume.get("UsageData") or {}).get(name) or 0)
