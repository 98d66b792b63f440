"""Where the body of a request to create a container names the sources of its bind mounts (Docker API)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from vm.guest.hostpath import WINDOWS

BIND = re.compile(r"((?:[A-Za-z]:[\\/])?[^:]*)(:.*)", re.DOTALL)
"""``SOURCE:TARGET[:OPTIONS]``, where a source of Windows may begin with its drive."""


@dataclass(frozen=True)
class Source:
    """One source of a bind mount.

    :ivar rest: what follows it in the same text
    :ivar made: dockerd makes it where it is missing
    """

    place: dict[str, Any] | list[Any]
    key: str | int
    path: str
    rest: str = ""
    made: bool = True

    def rewrite(self, path: str) -> None:
        """Put another path in its place, which changes the body."""
        self.place[self.key] = path + self.rest  # type: ignore[index] # - the key fits the place it was found in


def sources(body: dict[str, Any]) -> Iterator[Source]:
    """The sources in ``body``; named volumes and nonsense are left to dockerd."""
    host = body.get("HostConfig")
    if not isinstance(host, dict):
        return
    binds, mounts = (found if isinstance(found := host.get(key), list) else [] for key in ("Binds", "Mounts"))
    for number, bind in enumerate(binds):
        match = BIND.fullmatch(bind) if isinstance(bind, str) else None
        if match is not None and _is_absolute(match[1]):
            yield Source(binds, number, match[1], match[2])
    for mount in mounts:
        if isinstance(mount, dict) and str(mount.get("Type")).lower() == "bind":
            source = mount.get("Source")
            if isinstance(source, str) and _is_absolute(source):
                options = mount.get("BindOptions")
                made = isinstance(options, dict) and options.get("CreateMountpoint") is True
                yield Source(mount, "Source", source, made=made)


def _is_absolute(path: str) -> bool:
    return "\0" not in path and (path.startswith("/") or WINDOWS.fullmatch(path) is not None)
