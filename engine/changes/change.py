"""One change of the host's files: what of many can be left out, and how it is written for the guest."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from vm.guest.hostpath import is_within, to_guest


class Kind(StrEnum):
    """What happened, by the names that the guest's program knows (vm/image/native/replay.c)."""

    CREATE = "create"
    WRITE = "write"
    """Created, and written to right after; only :func:`essence` makes one of two."""
    MODIFY = "modify"
    DELETE = "delete"
    MOVE = "move"


@dataclass(frozen=True)
class Change:
    """:ivar path: absolute, as this computer calls it.    :ivar target: its new name, of a move.
    :ivar folder: it is one.
    """

    kind: Kind
    path: str
    target: str = ""
    folder: bool = False


def essence(changes: Iterable[Change]) -> list[Change]:
    """What somebody has to be told who sees only the outcome: in order, and no more than that.

    A file's modifications in a row are one, and one with its creation; what came and went in between leaves
    nothing.
    """
    kept: list[Change | None] = []
    last: dict[str, int] = {}  # path → the last change of it
    born: dict[str, int] = {}  # path → where it was created
    for change in changes:
        path = change.path
        if change.kind is Kind.MODIFY:
            before = kept[last[path]] if path in last else None
            if before is not None and before.kind in (Kind.MODIFY, Kind.WRITE):
                continue
            if before is not None and before.kind is Kind.CREATE and born.get(path) == last[path]:
                kept[last[path]] = replace(before, kind=Kind.WRITE)
                continue
        elif change.kind is Kind.DELETE and path in born:
            for place in range(born.pop(path), len(kept)):
                found = kept[place]
                if found is not None and found.path == path:
                    kept[place] = None
            last.pop(path, None)
            continue
        elif change.kind is Kind.CREATE:
            if path in born:  # watchdog tells some twice that come in a new folder
                continue
            born[path] = len(kept)
        elif change.kind is Kind.MOVE:
            born.pop(path, None)
            if change.folder:
                born = {one: place for one, place in born.items() if not one.startswith(path + os.sep)}
            last[change.target] = len(kept)
        last[path] = len(kept)
        kept.append(change)
    return [change for change in kept if change is not None]


def spare(changes: Iterable[Change], held: Collection[str]) -> Iterator[Change]:
    """The same with care for ``held``: what containers have mounted itself, and keep though it is replaced.

    A mounted file that an editor replaces would be lost to its container if the guest saw it go: there it is
    modified. A mounted folder does not go at all.
    """
    for change in changes:
        if change.kind is Kind.MOVE and (change.path in held or change.target in held):
            if change.path not in held:
                yield Change(Kind.DELETE, change.path, folder=change.folder)
            if not change.folder:
                yield Change(Kind.MODIFY, change.target)
            elif change.target not in held:
                yield Change(Kind.CREATE, change.target, folder=True)
        elif change.path not in held or change.kind is Kind.MODIFY:
            yield change
        elif change.kind is Kind.CREATE and not change.folder:
            yield replace(change, kind=Kind.MODIFY)


def record(change: Change, share: str, look: Callable[[str], os.stat_result] = os.lstat) -> bytes:
    """The change as the guest's program reads it; empty when there is nothing to tell any more.

    :param share: the shared folder it is in.
    :param look: asks this computer's disk.
    """
    if not is_within(to_guest(change.target or change.path), to_guest(share)):  # it has left the share
        change = Change(Kind.DELETE, change.path, folder=change.folder)
    found = _look(look, change.target or change.path)
    if found is None and change.kind is Kind.MOVE:  # and gone from there by now
        change = Change(Kind.DELETE, change.path, folder=change.folder)
        found = _look(look, change.path)
    if found is None and change.kind is not Kind.DELETE:
        return b""
    changed = max(found.st_ctime_ns, found.st_mtime_ns) if found else 0  # Windows knows no time of change
    if change.kind is Kind.DELETE:
        found = (
            None  # what is there by now is another file; its time tells the guest whether it has made that itself
        )
    usual = stat.S_IFDIR | 0o755 if change.folder else stat.S_IFREG | 0o644
    return _written(
        change.kind.value,
        to_guest(share),
        _below(change.path, share),
        _below(change.target, share) if change.target else "",
        f"{found.st_mode if found else usual:o}",
        found.st_size if found else 0,
        found.st_mtime_ns if found else 0,
        changed,
        time.time_ns(),
        found.st_nlink if found else 1,
    )


def lease(tree: str, share: str, seconds: int) -> bytes:
    """That the guest hears of all changes in ``tree`` for so long (0: no longer), as its program reads it.

    Until then the guest's kernel believes what it has been told of the tree (Gray and Cheriton, *Leases*, 1989).
    """
    return _written("lease", to_guest(share), _below(tree, share), "", 0, seconds, 0, 0, time.time_ns(), 0)


def _written(*fields: str | int) -> bytes:
    return b"".join(str(field).encode("utf-8", "surrogateescape") + b"\0" for field in fields)


def _look(look: Callable[[str], os.stat_result], path: str) -> os.stat_result | None:
    try:
        return look(path)
    except OSError:
        return None


def _below(path: str, share: str) -> str:
    return to_guest(path).removeprefix(to_guest(share)).lstrip("/")
