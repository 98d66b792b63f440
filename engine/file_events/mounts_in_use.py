"""Which of the host's folders are worth watching: what running containers mount."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vm.guest.hostpath import is_within, to_guest, to_host


@dataclass(frozen=True)
class MountsInUse:
    """The folders and files to watch.

    :ivar trees: folders to watch recursively, none inside another.
    :ivar files: single files, outside the trees.
    :ivar held: every mounted path on the host, symbolic links resolved.
    """

    trees: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    held: frozenset[str] = frozenset()

    def covers(self, path: str) -> bool:
        """Whether changes of ``path`` have to be forwarded."""
        guest = to_guest(path)
        return path in self.files or any(is_within(guest, to_guest(tree)) for tree in self.trees)


def mounts_in_use(mounts: Iterable[Mapping[str, Any]], shares: Sequence[str]) -> MountsInUse:
    """What these mounts (``Mounts`` of ``GET /containers/json``) use of the shared folders; reads the disk."""
    sources = {str(mount.get("Source")) for mount in mounts if mount.get("Type") == "bind"}
    named = [path for source in sources if (path := to_host(source, shares)) is not None]
    held = {path for path in map(os.path.realpath, named) if share_of(path, shares) is not None}
    files = {path for path in held if os.path.isfile(path)}  # noqa: PTH113 - a text stays a text
    folders = held - files
    trees = {
        path
        for path in folders
        if not any(other != path and is_within(to_guest(path), to_guest(other)) for other in folders)
    }
    found = MountsInUse(frozenset(trees), frozenset(), frozenset(held))
    return MountsInUse(found.trees, frozenset(path for path in files if not found.covers(path)), found.held)


def share_of(path: str, shares: Sequence[str]) -> str | None:
    """The shared folder that ``path`` lies in."""
    guest = to_guest(path)
    return next((share for share in shares if is_within(guest, to_guest(share))), None)
