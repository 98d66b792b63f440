"""The system images that machines boot from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class ImageReport:
    """A system image in the cache; ``current`` is the one that starts would use."""

    version: str
    arch: str
    size: int
    current: bool
    packages: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class BuildImage:
    """Builds the system image.

    :ivar arch: ``amd64`` or ``arm64``; None: the host's.    :ivar force: also when it is there.
    """

    arch: str | None
    force: bool
