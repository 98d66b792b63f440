"""Finding out what is wrong: checks, logs, the support bundle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from msgspec import Meta


@dataclass(frozen=True)
class Check:
    """One diagnosis. ``passed`` None: it could not be made now, ``found`` says why."""

    name: str
    description: str
    passed: bool | None
    found: str
    fix: str = ""


@dataclass(frozen=True)
class BundleFile:
    """A file of the support bundle. ``text`` is what would be saved: secrets are gone."""

    name: str
    text: str


@dataclass(frozen=True)
class ReadLog:
    """Asks for a log of the guest, or of the engine for Windows containers.

    :ivar source: ``dockerd``, ``containerd``, ``sshd`` or ``windows``.
    :ivar offset: first byte; for ``windows`` what the part before has as ``next``, or 0 for the newest.
    """

    source: str
    offset: Annotated[int, Meta(ge=0)]


@dataclass(frozen=True)
class LogPart:
    """A part of a log, and the offset at which it goes on."""

    text: str
    next: int
