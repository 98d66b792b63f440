"""What Windows reports of a folder (ReadDirectoryChangesW), from its bytes, and the moves in it.

Windows reports a move from one folder to another as a removal and an addition. Since Windows 10 1709 it says which
file it was, on NTFS and ReFS; elsewhere such a move stays what it was. Pure: looks at no disk.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

ADDED, REMOVED, MODIFIED, OLD_NAME, NEW_NAME = 1, 2, 3, 4, 5
"""Actions (winnt.h)."""

IS_DIRECTORY = 0x10

_BRIEF = struct.Struct("<III")
_EXTENDED = struct.Struct("<II6qIIqqI")
"""FILE_NOTIFY_INFORMATION and FILE_NOTIFY_EXTENDED_INFORMATION, before the name."""


@dataclass(frozen=True)
class Change:
    r"""One report.

    :ivar name: below the watched folder, with ``\``.    :ivar folder: it is one; None: Windows does not say.
    :ivar identity: of the file; 0: not known.    :ivar before: of a rename or move, the old name.
    """

    action: int
    name: str
    folder: bool | None = None
    identity: int = 0
    before: str = ""


def parse(data: bytes, *, extended: bool) -> Iterator[Change]:
    """The reports in a buffer."""
    place, following = 0, 1
    while following and place < len(data):
        if extended:
            following, action, *_, attributes, _, identity, _, size = _EXTENDED.unpack_from(data, place)
            start, folder = place + _EXTENDED.size, bool(attributes & IS_DIRECTORY)
        else:
            following, action, size = _BRIEF.unpack_from(data, place)
            start, folder, identity = place + _BRIEF.size, None, 0
        yield Change(action, data[start : start + size].decode("utf-16-le", "surrogatepass"), folder, identity)
        place += following


def paired(changes: Sequence[Change]) -> list[Change]:
    """The same with one change (NEW_NAME with ``before``) for both halves of each rename and move."""
    found: list[Change | None] = list(changes)
    for place, change in enumerate(changes):
        if change.action in (OLD_NAME, REMOVED):
            other = _other_half(changes, place)
            if other is not None:
                found[other] = replace(changes[other], action=NEW_NAME, before=change.name)
                found[place] = None
            elif _is_repeated(changes, place):
                found[place] = None
    return [_alone(change) for change in found if change is not None]


def _other_half(changes: Sequence[Change], place: int) -> int | None:
    """Where the new name of what is gone is; None: there is none, or another file has taken the old name first."""
    gone = changes[place]
    for number in range(place + 1, len(changes)):
        change = changes[number]
        if change.action == NEW_NAME and gone.action == OLD_NAME and change.identity == gone.identity:
            return number
        if change.action in (ADDED, NEW_NAME) and gone.identity and change.identity == gone.identity:
            return number
        if change.action in (ADDED, NEW_NAME) and change.name == gone.name:
            return None
    return None


def _is_repeated(changes: Sequence[Change], place: int) -> bool:
    """Whether the next report names it again: a rename that only changes letters is preceded by a removal."""
    following = changes[place + 1 : place + 2]
    return bool(following) and following[0].action == OLD_NAME and following[0].name == changes[place].name


def _alone(change: Change) -> Change:
    """A half whose other one was not reported is what it looks like."""
    if change.action == OLD_NAME:
        return replace(change, action=REMOVED)
    return replace(change, action=ADDED) if change.action == NEW_NAME and not change.before else change
