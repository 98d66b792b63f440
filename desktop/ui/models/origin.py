"""Which engine an object belongs to, where the window shows those of several."""

from __future__ import annotations

from dataclasses import dataclass

TITLES = {"linux": "Linux containers", "windows": "Windows containers"}
"""System of an engine → what it is for."""


@dataclass(frozen=True)
class Origin:
    """One engine, as its objects know it.

    :ivar os, arch: as Docker's API calls them; empty while not known.    :ivar beside: it is shown beside another.
    """

    os: str = ""
    arch: str = ""
    beside: bool = False

    def key(self, name: str) -> str:
        """The key of a row for what has this name, which the other engine may have given as well."""
        return " ".join(filter(None, (name, self.os, "beside" if self.beside else "")))

    @property
    def platform(self) -> str:
        """Such as ``linux/amd64``."""
        return "/".join(filter(None, (self.os, self.arch)))

    @property
    def title(self) -> str:
        """What the engine is for."""
        return TITLES.get(self.os, self.os.title())


HERE = Origin()
"""The engine that the window shows, where that is only one."""
