"""One change of the host's files: which of many can be left out, and how one is encoded for the guest."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from engine.folders.reparse import mode_of
from vm.guest.hostpath import is_within, to_guest


class Kind(StrEnum):
    """What happened, in the words of the guest's program (vm/image/native/replay.c)."""

    CREATE = "create"
    WRITE = "write"
    """Created and then written to; only :func:`coalesce` makes this kind."""
    MODIFY = "modify"
    DELETE = "delete"
    MOVE = "move"


@dataclass(frozen=True)
class FileEvent:
    """What has happened to one path.

    :ivar path: absolute, on the host.    :ivar target: the new path, of a move.
    :ivar folder: it is a folder.
    """

    kind: Kind
    path: str
    target: str = ""
    folder: bool = False


def coalesce(changes: Iterable[FileEvent]) -> list[FileEvent]:
    """The shortest list of changes with the same outcome, in order.

    Modifications of a file in a row become one, and one with its creation; what was created and deleted leaves
    nothing.
    """
    kept: list[FileEvent | None] = []
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
            if path in born:  # watchdog reports some files of a new folder twice
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


def drop_mountpoints(changes: Iterable[FileEvent], held: Collection[str]) -> Iterator[FileEvent]:
    """Leave out what would remove a mount point from under its container.

    A container keeps what it has mounted, even when the host replaces it. A mounted file that an editor replaces
    is reported as modified; the removal of a mounted folder is not reported.

    :param held: paths that are mounted themselves.
    """
    for change in changes:
        if change.kind is Kind.MOVE and (change.path in held or change.target in held):
            if change.path not in held:
                yield FileEvent(Kind.DELETE, change.path, folder=change.folder)
            if not change.folder:
                yield FileEvent(Kind.MODIFY, change.target)
            elif change.target not in held:
                yield FileEvent(Kind.CREATE, change.target, folder=True)
        elif change.path not in held or change.kind is Kind.MODIFY:
            yield change
        elif change.kind is Kind.CREATE and not change.folder:
            yield replace(change, kind=Kind.MODIFY)


def encode_event(change: FileEvent, share: str, look: Callable[[str], os.stat_result] = os.lstat) -> bytes:
    """The change as the guest's program reads it; empty when it no longer matters.

    :param share: the shared folder that contains it.
    :param look: asks the host's disk.
    """
    if not is_within(to_guest(change.target or change.path), to_guest(share)):  # it has left the share
        change = FileEvent(Kind.DELETE, change.path, folder=change.folder)
    found = _look(look, change.target or change.path)
    if found is None and change.kind is Kind.MOVE:  # and gone from there by now
        change = FileEvent(Kind.DELETE, change.path, folder=change.folder)
        found = _look(look, change.path)
    if found is None and change.kind is not Kind.DELETE:
        return b""
    changed = max(found.st_ctime_ns, found.st_mtime_ns) if found else 0  # Windows knows no time of change
    if change.kind is Kind.DELETE:
        # another file may exist there by now; from its time the guest sees whether the guest made it
        found = None
    usual = stat.S_IFDIR | 0o755 if change.folder else stat.S_IFREG | 0o644
    return _encode(
        change.kind.value,
        to_guest(share),
        _below(change.path, share),
        _below(change.target, share) if change.target else "",
        f"{_mode(found) if found else usual:o}",
        found.st_size if found else 0,
        found.st_mtime_ns if found else 0,
        changed,
        time.time_ns(),
        found.st_nlink if found else 1,
    )


def encode_lease(tree: str, share: str, seconds: int) -> bytes:
    """A lease as the guest's program reads it: all changes in ``tree`` are reported for ``seconds``; 0 ends it."""
    return _encode("lease", to_guest(share), _below(tree, share), "", 0, seconds, 0, 0, time.time_ns(), 0)


def _encode(*fields: str | int) -> bytes:
    return b"".join(str(field).encode("utf-8", "surrogateescape") + b"\0" for field in fields)


def _look(look: Callable[[str], os.stat_result], path: str) -> os.stat_result | None:
    try:
        return look(path)
    except OSError:
        return None


def _mode(found: os.stat_result) -> int:
    """Type and permissions, for the guest. Python takes some links of Windows for files."""
    attributes = getattr(found, "st_file_attributes", None)
    return found.st_mode if attributes is None else mode_of(attributes, getattr(found, "st_reparse_tag", 0))


def _below(path: str, share: str) -> str:
    return to_guest(path).removeprefix(to_guest(share)).lstrip("/")
