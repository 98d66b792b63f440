"""What takes space on the engine's disk, object by object, and what removing each of them frees.

What several images share is one tile of its own, so that nothing is counted twice: tiles add up to what
:func:`desktop.ui.models.disk.uses` says of their kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from desktop.ui.models.disk import ENDED, cache_bytes, is_idle_cache, uses, visible, volume_bytes
from desktop.ui.models.format import counted, short_id, size

IMAGE, SHARED, CONTAINER, VOLUME, CACHE = "image", "shared", "container", "volume", "cache"
KINDS = {
    IMAGE: "Images",
    SHARED: "Shared layers",
    CONTAINER: "Containers",
    VOLUME: "Volumes",
    CACHE: "Build cache",
}
"""Kind → its title, in the order of the map's legend."""

MOST, SMALLEST = 60, 1 / 2000
"""Tiles of a kind, and of all bytes the part of the smallest: others are one together, if that can be seen."""

MOST_NAMED = 3

Values = dict[str, Any]


@dataclass(frozen=True)
class Tile:
    """One object. :ivar key: its ID or name; empty for what stands for several.

    :ivar gain: bytes that removing it frees; 0: it cannot be removed.    :ivar used: whether something uses it.
    :ivar about: a sentence about it.    :ivar bound: the gain may be less, since the build cache has layers of it.
    """

    kind: str
    key: str
    name: str
    bytes: int
    gain: int = 0
    used: bool = False
    about: str = ""
    bound: bool = False

    @property
    def removable(self) -> bool:
        """Whether it can be removed: neither what images share, nor a volume in use."""
        if self.kind == CACHE:
            return self.gain > 0
        return bool(self.key) and not (self.kind == VOLUME and self.used)

    @property
    def gain_words(self) -> str:
        """What removing it frees."""
        if not self.removable:
            return ""
        what = "it and what uses it" if self.kind == IMAGE and self.used else "it"
        return f"Removing {what} frees {'up to ' if self.bound else ''}{size(self.gain)}"

    @property
    def words(self) -> str:
        """All about it, for screen readers."""
        return ". ".join(part for part in (f"{size(self.bytes)}", self.about, self.gain_words) if part)


def tiles(df: Values) -> list[Tile]:
    """Every object of ``/system/df`` that takes space."""
    found = [*_images(df), *_containers(df), *_volumes(df), *_cache(df)]
    return [tile for tile in found if tile.bytes > 0]


@dataclass(frozen=True)
class Group:
    """Those of one kind. :ivar bytes: of all.    :ivar tiles: the largest first; small ones are one together."""

    kind: str
    bytes: int
    tiles: tuple[Tile, ...]


def groups(found: Sequence[Tile]) -> list[Group]:
    """All tiles by kind, the largest group first; what could not be seen is left out."""
    least = sum(tile.bytes for tile in found) * SMALLEST
    made = []
    for kind, title in KINDS.items():
        mine = sorted((tile for tile in found if tile.kind == kind), key=lambda tile: -tile.bytes)
        large = [tile for tile in mine[:MOST] if tile.bytes >= least]
        small = mine[len(large) :]
        rest = sum(tile.bytes for tile in small)
        if small and rest >= least:
            name = f"{len(small)} more" if large else counted(len(small), title.lower().removesuffix("s"))
            about = f"{counted(len(small), 'small one')} together"
            large.append(Tile(kind, "", name, rest, used=True, about=about))
            large.sort(key=lambda tile: -tile.bytes)
        if large:
            made.append(Group(kind, sum(tile.bytes for tile in mine), tuple(large)))
    return sorted(made, key=lambda group: -group.bytes)


def sums(df: Values) -> dict[str, int]:
    """Kind → bytes, as Home has them; what images share is counted with the images there."""
    found = {name: use.bytes for name, use in uses(df).items()}
    shared = sum(tile.bytes for tile in _images(df) if tile.kind == SHARED)
    return {
        IMAGE: found["Images"] - shared,
        SHARED: shared,
        CONTAINER: found["Containers"],
        VOLUME: found["Volumes"],
        CACHE: found["Build cache"],
    }


def unique_bytes(image: Values) -> int:
    """What no other image has; where shared bytes are not counted, all of it."""
    return max(0, int(image.get("Size") or 0) - max(0, int(image.get("SharedSize") or 0)))


def _images(df: Values) -> Iterable[Tile]:
    users: dict[str, list[Values]] = {}
    for container in df.get("Containers") or ():
        users.setdefault(str(container.get("ImageID")), []).append(container)
    cached = any(item.get("Shared") for item in df.get("BuildCache") or ())
    unique = 0
    for image in visible(df.get("Images")):
        own, mine = unique_bytes(image), users.get(str(image["Id"]), [])
        unique += own
        shared = int(image.get("Size") or 0) - own
        parts = [f"{size(shared)} more are shared with other images"] if shared else []
        parts += [_in_use(mine)] if mine else []
        names = [name for name in image.get("RepoTags") or () if name != "<none>:<none>"]
        gain = own + sum(item.get("SizeRw") or 0 for item in mine)
        name = names[0] if names else short_id(str(image["Id"]))
        yield Tile(IMAGE, str(image["Id"]), name, own, gain, bool(mine), ". ".join(parts), cached)
    shared = int(df.get("LayersSize") or 0) - unique
    about = "Each goes with the last image that has it"
    yield Tile(SHARED, "", KINDS[SHARED], max(0, shared), about=about, used=True)


def _in_use(users: Sequence[Values]) -> str:
    names = [str((item.get("Names") or ["/"])[0])[1:] for item in users]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"In use by {', '.join(names[:MOST_NAMED])}{more}"


def _containers(df: Values) -> Iterable[Tile]:
    for item in visible(df.get("Containers")):
        name, written = str((item.get("Names") or ["/"])[0])[1:], int(item.get("SizeRw") or 0)
        ended = item.get("State") in ENDED
        about = f"Written in it, besides its image and volumes. {'Not running' if ended else 'Running'}"
        yield Tile(CONTAINER, str(item["Id"]), name, written, written, not ended, about)


def _volumes(df: Values) -> Iterable[Tile]:
    users: dict[str, list[Values]] = {}
    for container in df.get("Containers") or ():
        for mount in container.get("Mounts") or ():
            if mount.get("Type") == "volume":
                users.setdefault(str(mount.get("Name")), []).append(container)
    for item in df.get("Volumes") or ():
        name, held = str(item["Name"]), volume_bytes([item])
        mine = users.get(name, [])
        used = bool(mine or (item.get("UsageData") or {}).get("RefCount"))
        about = _in_use(mine) if mine else "In use" if used else "No container uses it"
        yield Tile(VOLUME, name, name, held, 0 if used else held, used, about)


def _cache(df: Values) -> Iterable[Tile]:
    steps = [item for item in df.get("BuildCache") or () if not item.get("Shared")]
    idle = [item for item in steps if is_idle_cache(item)]
    about = f"{counted(len(steps), 'cached build step')}. The next build takes longer without them"
    yield Tile(CACHE, "", KINDS[CACHE], cache_bytes(steps), cache_bytes(idle), not idle, about)
