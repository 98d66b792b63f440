"""The folders that are shared with the machine."""

from __future__ import annotations

from dataclasses import dataclass

MOUNTED = "mounted"


@dataclass(frozen=True)
class FolderReport:
    """A folder that is shared with the machine.

    :ivar place: where it is in the machine.    :ivar state: :data:`MOUNTED`, or what is wrong.
    :ivar carrier: ``virtiofs`` or ``sftp``; empty while it is not known.
    :ivar why: why it is not virtiofs, where that might be.
    :ivar unwatched: what of it is mounted and not all followed, so that containers miss changes; and why.
    """

    folder: str
    place: str
    state: str
    carrier: str = ""
    why: str = ""
    unwatched: str = ""
