"""Which bind mounts are possible for a container that is to be created or started.

dockerd makes a source that it does not find: a folder of the host which is not shared would show up in the
container as an empty one, and ``/tmp`` would be the guest's. So the sources are looked at before dockerd sees
them. Possible is what lies in a shared folder (there or not: Docker makes it), what only the guest has, and what
means the system that containers run in (:data:`ENGINES`), such as ``/var/run/docker.sock``. Sockets of the host
get one in the guest that leads to them (:mod:`engine.host_sockets`).
"""

from __future__ import annotations

import asyncio
import copy
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Protocol

from engine.endpoint.admission.mount_sources import sources
from engine.endpoint.admission.pipeline import JsonObject, Step
from vm.errors import EngineError
from vm.guest.hostpath import WINDOWS, is_within, to_guest

ENGINES = ("/run", "/var/run", "/proc", "/sys", "/dev", "/lib/modules", "/var/lib/docker")
"""What means the system that containers run in, though the host has such folders as well; as ``/`` does."""

Shares = Callable[[], Sequence[str]]
"""Returns the shared folders as the host calls them."""

Advise = Callable[[str], Awaitable[str]]
"""Says how to share what a path of the host leads to."""

Make = Callable[[Sequence[str]], None]
"""Makes those of these folders that are missing; may block. :raise EngineError: one cannot be made."""


class Sockets(Protocol):
    """Sockets of the host that containers mount (:class:`~engine.host_sockets.HostSockets`)."""

    def find(self, path: str) -> str | None:
        """The socket a path names; None: it names none. :raise EngineError: no container can have it."""
        ...

    async def carry(self, socket: str) -> str:
        """Where the guest has it from now on. :raise EngineError: it cannot have it."""
        ...


class GuestFiles(Protocol):
    """What the guest itself has (guest_paths.py)."""

    async def find(self, paths: Sequence[str]) -> set[str]:
        """Those of ``paths`` that it can give a container. :raise UserError: it could not be asked."""
        ...


def make_missing(folders: Sequence[str]) -> None:
    """Make those of the shared ``folders`` that are missing. Blocks.

    :raise EngineError: one cannot be made
    """
    for folder in map(Path, folders):
        if not os.path.lexists(folder):
            try:
                folder.mkdir(parents=True)
            except OSError as error:
                raise EngineError(
                    f"“{folder}” is shared, but does not exist and cannot be created: {error.strerror}",
                    "Restore it, or create it as a user with permission.",
                ) from error


class BindMounts(Step):
    """Checks the sources of bind mounts, and spells them as the guest does."""

    def __init__(
        self, sockets: Sockets, shares: Shares, guest: GuestFiles, advise: Advise, make: Make = make_missing
    ) -> None:
        self._sockets = sockets
        self._shares = shares
        self._guest = guest
        self._advise = advise
        self._make = make

    async def create(self, body: JsonObject) -> JsonObject:
        """The body with the guest's names for the sources.

        :raise EngineError: a source is not shared, and the guest does not have it either
        :raise UserError: of any other type: the guest could not be asked
        """
        found = list(sources(body))
        if not found:
            return body
        shares = self._shares()
        paths = [source.path for source in found]
        places = await asyncio.to_thread(_places, paths, shares)
        await self._carry_sockets(paths, places)
        await self._require([path for path, place in zip(paths, places, strict=True) if place is None])
        made = [to_guest(source.path) for source in found if source.made]
        needed = [share for share in shares if any(is_within(path, to_guest(share)) for path in made)]
        await asyncio.to_thread(self._make, needed)
        if all(place in (None, path) for path, place in zip(paths, places, strict=True)):
            return body
        amended = copy.deepcopy(body)
        for source, place in zip(sources(amended), places, strict=True):
            if place is not None:
                source.rewrite(place)
        return amended

    async def start(self, container: JsonObject, over: asyncio.Future[None]) -> None:
        """Check what the container mounts once more: its folder may be shared no longer.

        :raise EngineError: as :meth:`create`
        """
        await self.create(container)

    async def _carry_sockets(self, paths: Sequence[str], places: list[str | None]) -> None:
        """Put the guest's name for each that is a socket of the host's in ``places``."""
        found = await asyncio.to_thread(lambda: [self._sockets.find(path) for path in paths])
        for number, socket in enumerate(found):
            if socket is not None:
                places[number] = await self._sockets.carry(socket)

    async def _require(self, paths: Sequence[str]) -> None:
        """See that these, which are in no shared folder, are the guest's. :raise EngineError: some are not."""
        if not paths:
            return
        await self._refuse(await asyncio.to_thread(_meant_here, paths))
        there = await self._guest.find([to_guest(path) for path in paths])
        await self._refuse([path for path in paths if to_guest(path) not in there])

    async def _refuse(self, paths: Sequence[str]) -> None:
        """:raise EngineError: there are any."""
        if not paths:
            return
        names = ", ".join(f"“{path}”" for path in paths)
        verb, them = ("is", "it") if len(paths) == 1 else ("are", "them")
        raise EngineError(
            f"{names} {verb} not shared, so no container can mount {them}", await self._advise(paths[0])
        )


def _places(paths: Sequence[str], shares: Sequence[str]) -> list[str | None]:
    """Where the guest has each path, by way of a shared folder; None: in none. Looks at symbolic links."""
    return [_by_name(path, shares) or _by_links(path, shares) for path in paths]


def _meant_here(paths: Sequence[str]) -> list[str]:
    """Those that the host has, so that its user does not expect the guest's. Looks at the disk."""
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
