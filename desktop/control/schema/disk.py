"""The data disk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True)
class DiskReport:
    """The data disk; sizes in bytes. ``health``: ``good``, ``leaks`` or ``corrupt``; empty when not checked."""

    path: str
    exists: bool
    virtual_size: int = 0
    allocated: int = 0
    host_free: int = 0
    health: str = ""
    note: str = ""


@dataclass(frozen=True)
class GrowDisk:
    """Enlarges the data disk to ``gib`` GiB."""

    gib: Annotated[int, Meta(ge=1)]


@dataclass(frozen=True)
class CheckDisk:
    """Checks the disk of the stopped machine; ``repair``: and repairs what can be repaired."""

    repair: bool
