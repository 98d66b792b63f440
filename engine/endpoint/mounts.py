"""Which bind mounts are possible, for a container that is to be created.

dockerd makes a source that it does not find: a folder of this computer which is not shared would show up in the
container as an empty one, and ``/tmp`` would be the machine's. So the sources are looked at before dockerd sees
them. Possible is what lies in a shared folder (there or not: Docker makes it), what only the machine has, and what
is the engine's own business wherever it runs (:data:`ENGINES`), such as ``/var/run/docker.sock``. Sockets of this
computer have one in the machine that leads to them (:mod:`engine.host_sockets`).
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import re
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from vm.errors import EngineError, LinkError
from vm.guest.hostpath import WINDOWS, is_within, to_guest

log = logging.getLogger(__name__)

KNOWN_SECONDS = 60.0
"""For so long it is taken for granted that the machine still has what it had."""

ENGINES = ("/run", "/var/run", "/proc", "/sys", "/dev", "/lib/modules", "/var/lib/docker")
"""What means the system that containers run in, though this computer has such folders as well; as ``/`` does."""

BIND = re.compile(r"((?:[A-Za-z]:[\\/])?[^:]*)(:.*)", re.DOTALL)
"""``SOURCE:TARGET[:OPTIONS]``, where a source of Windows may begin with its drive."""

Shares = Callable[[], Sequence[str]]
"""Tells the shared folders as this computer calls them."""

Look = Callable[[Sequence[str]], Awaitable[set[str]]]
"""Tells which of these paths the machine itself has, so that mounting them gives more than an empty folder."""

Advise = Callable[[str], Awaitable[str]]
"""Says how to share what a path of this computer leads to."""


Make = Callable[[Sequence[str]], Awaitable[None]]
"""Makes those of these shared folders that are missing, which dockerd can do only for what is in them."""


class Sockets(Protocol):
    """This computer's sockets, as far as they are looked at here (:class:`~engine.host_sockets.HostSockets`)."""

    def find(self, path: str) -> str | None:
        """The socket a path names; None: none that may be had. :raise EngineError: no container can have it."""
        ...

    async def carry(self, socket: str) -> str:
        """Where the machine has it from now on. :raise EngineError: it cannot have it."""
        ...


@dataclass(frozen=True)
class Source:
    """Where a request names a bind mount's source.

    :ivar rest: what follows it in the same text.    :ivar made: dockerd makes it where it is missing.
    """

    place: dict[str, Any] | list[Any]
    key: str | int
    path: str
    rest: str = ""
    made: bool = True

    def rewrite(self, path: str) -> None:
        """Put another path there."""
        self.place[self.key] = path + self.rest  # type: ignore[index] # - the key fits the place it was found in


class MountJudge:
    """Judges requests to create a container (a :data:`~engine.endpoint.rewrite.Change`)."""

    def __init__(self, sockets: Sockets, shares: Shares, look: Look, advise: Advise, make: Make) -> None:
        self._sockets = sockets
        self._shares = shares
        self._look = look
        self._advise = advise
        self._make = make
        self._known: dict[str, float] = {}

    async def __call__(self, body: bytes) -> bytes:
        """The body to send on, with the machine's names for the sources.

        :raise EngineError: a source is not shared, and the machine does not have it either, or cannot be asked.
        """
        try:
            request = json.loads(body)
        except ValueError:
            return body  # dockerd says what is wrong with it
        found = list(sources(request))
        if not found:
            return body
        shares = self._shares()
        paths = [source.path for source in found]
        places = await asyncio.to_thread(_places, paths, shares)
        await self._carry_sockets(paths, places)
        strange = [source.path for source, place in zip(found, places, strict=True) if place is None]
        await self._refuse(await asyncio.to_thread(_meant_here, strange))
        await self._require(strange)
        made = [to_guest(source.path) for source in found if source.made]
        await self._make([share for share in shares if any(is_within(path, to_guest(share)) for path in made)])
        changed = False
        for source, place in zip(found, places, strict=True):
            if place is not None and place != source.path:
                source.rewrite(place)
                changed = True
        return json.dumps(request, ensure_ascii=False).encode() if changed else body

    async def _carry_sockets(self, paths: Sequence[str], places: list[str | None]) -> None:
        """Put the machine's name for each that is a socket of this computer's in ``places``."""
        found = await asyncio.to_thread(lambda: [self._sockets.find(path) for path in paths])
        for number, socket in enumerate(found):
            if socket is not None:
                places[number] = await self._sockets.carry(socket)

    async def _require(self, paths: Sequence[str]) -> None:
        now = asyncio.get_running_loop().time()
        unknown = [path for path in paths if self._known.get(to_guest(path), now) <= now]
        if not unknown:
            return
        try:
            there = await self._look([to_guest(path) for path in unknown])
        except LinkError as error:
            log.warning("the machine could not be asked what it has: %s %s", error.message, error.detail)
            names = ", ".join(f"“{path}”" for path in unknown)
            raise EngineError(
                f"{names}: not shared, and the machine could not be asked whether it has that itself", "Try again."
            ) from error
        self._known.update(dict.fromkeys(there, now + KNOWN_SECONDS))
        await self._refuse([path for path in unknown if to_guest(path) not in there])

    async def _refuse(self, paths: Sequence[str]) -> None:
        """:raise EngineError: there are any."""
        if not paths:
            return
        names = ", ".join(f"“{path}”" for path in paths)
        verb, them = ("is", "it") if len(paths) == 1 else ("are", "them")
        raise EngineError(
            f"{names} {verb} not shared, so no container can mount {them}", await self._advise(paths[0])
        )


def sources(request: object) -> Iterator[Source]:
    """The sources of a request's bind mounts; named volumes and nonsense are left to dockerd."""
    host = request.get("HostConfig") if isinstance(request, dict) else None
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


def _places(paths: Sequence[str], shares: Sequence[str]) -> list[str | None]:
    """Where the machine has each path, by way of a shared folder; None: in none. Looks at symbolic links."""
    return [_by_name(path, shares) or _by_links(path, shares) for path in paths]


def _meant_here(paths: Sequence[str]) -> list[str]:
    """Those that this computer has, so that nobody expects the machine's. Looks at the disk."""
    return [
        path
        for path in paths
        if os.path.lexists(path)
        and os.path.normpath(path) != os.sep
        and not any(is_within(to_guest(os.path.normpath(path)), place) for place in ENGINES)
    ]


def _by_name(path: str, shares: Sequence[str]) -> str | None:
    guest = to_guest(path)
    if not any(is_within(guest, to_guest(share)) for share in shares):
        return None
    return guest if WINDOWS.fullmatch(path) else path


def _by_links(path: str, shares: Sequence[str]) -> str | None:
    """``/tmp`` of macOS is ``/private/tmp``, and ``~/work`` may lead to another disk."""
    real = to_guest(os.path.realpath(path))
    for share in shares:
        real_share = to_guest(os.path.realpath(share))
        if is_within(real, real_share):
            return to_guest(share) + real.removeprefix(real_share)
    return None
