"""Which bind mounts are possible for what is to be created or started.

dockerd makes a source that it does not find: a folder of the host which is not shared would show up in the
container as an empty one, and ``/tmp`` would be the guest's. So the sources are looked at before dockerd sees
them. Possible is what really lies in a shared folder (there or not: Docker makes it), what only the guest has, and
what means the system that containers run in (:data:`ENGINES`), such as ``/var/run/docker.sock``. Sockets of the
host get one in the guest that leads to them (:mod:`engine.host_sockets`). Whether a link in a shared folder leads
elsewhere by the time dockerd mounts it is seen in the guest (``vm/image/native/runc_mounts.c``).
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Iterable, Sequence
from pathlib import Path
from typing import Protocol

from engine.endpoint.admission.documents import JsonObject
from engine.endpoint.admission.mount_sources import (
    Source,
    container_sources,
    inherited_sources,
    named_volumes,
    plugin_settings,
    plugin_sources,
    service_sources,
    volume_sources,
)
from engine.endpoint.admission.pipeline import Step
from engine.endpoint.admission.real_place import RealPlace, real_place
from vm.errors import EngineError
from vm.guest.hostpath import is_elsewhere, is_within, to_guest

ENGINES = ("/run", "/var/run", "/proc", "/sys", "/dev", "/lib/modules", "/var/lib/docker")
"""What means the system that containers run in, though the host has such folders as well; as ``/`` does."""

Shares = Callable[[], Sequence[str]]
"""Returns the shared folders as the host calls them."""

Advise = Callable[[str], Awaitable[str]]
"""Says how to share what a path of the host leads to."""

Make = Callable[[Sequence[str]], None]
"""Makes those of these folders that are missing; may block. :raise EngineError: one cannot be made."""

Volumes = Callable[[Sequence[str]], Awaitable[Sequence[JsonObject]]]
"""Returns what the engine knows of volumes (Docker API, VolumeInspect), in their order; empty: it knows none.

:raise UserError: it cannot be asked
"""

Plugin = Callable[[str], Awaitable[JsonObject]]
"""As :data:`Volumes`, of one plugin (Docker API, PluginInspect)."""


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
        self,
        sockets: Sockets,
        shares: Shares,
        guest: GuestFiles,
        advise: Advise,
        volumes: Volumes,
        plugin: Plugin,
        make: Make = make_missing,
    ) -> None:
        self._sockets = sockets
        self._shares = shares
        self._guest = guest
        self._advise = advise
        self._volumes = volumes
        self._plugin = plugin
        self._make = make

    async def create_container(self, body: JsonObject) -> None:
        """Put the guest's names for the sources in the body.

        :raise EngineError: a source is not shared, and the guest does not have it either
        :raise UserError: of any other type: the guest could not be asked
        """
        await self._admit(container_sources(body))
        volumes = named_volumes(body)  # dockerd mounts them, to put the image's files there
        await self._require_same(await self._volume_sources(volumes), "volume")

    async def create_volume(self, body: JsonObject) -> None:
        """As :meth:`create_container`, for what the volume's options have mounted."""
        await self._admit(volume_sources(body))

    async def change_service(self, body: JsonObject) -> None:
        """As :meth:`create_container`, for the service's containers."""
        await self._admit(service_sources(body))

    async def set_plugin(self, name: str, settings: list[object]) -> None:
        """As :meth:`create_container`, for the plugin's mounts."""
        await self._admit(plugin_settings(settings, await self._plugin(name)))

    async def enable_plugin(self, name: str) -> None:
        """Check what the plugin mounts, which may have come with it."""
        for source, place in await self._moved(list(plugin_sources(await self._plugin(name)))):
            raise EngineError(
                f"“{source.path}” is a link on your computer, which the plugin cannot follow",
                f"Set its mount to “{place}”: docker plugin set",
            )

    async def start(self, container: JsonObject, over: asyncio.Future[None]) -> None:
        """Check what the container mounts once more: a folder may be shared no longer, or a link lead elsewhere.

        :raise EngineError: as :meth:`create_container`, or the guest would no longer find it where it did
        """
        await self.copy_files(container)

    async def copy_files(self, container: JsonObject) -> None:
        """As :meth:`start`: dockerd mounts the same, without runc, which would look once more."""
        sources = [*container_sources(container), *inherited_sources(container)]
        sources += await self._volume_sources(_volume_names(container))
        await self._require_same(sources, "container")

    async def _volume_sources(self, names: Sequence[str]) -> list[Source]:
        """What the volumes of these names mount."""
        return [
            source
            for volume in (await self._volumes(names) if names else ())
            for source in volume_sources({"Driver": volume.get("Driver"), "DriverOpts": volume.get("Options")})
        ]

    async def _require_same(self, sources: Sequence[Source], owner: str) -> None:
        """:raise EngineError: as :meth:`start`, for what the container or the volume ``owner`` mounts"""
        for source, _ in await self._moved(sources):
            raise EngineError(
                f"“{source.path}” is another folder than when the {owner} was created, and only a link on your"
                " computer leads there now",
                f"Create the {owner} again.",
            )

    async def _moved(self, sources: Sequence[Source]) -> list[tuple[Source, str]]:
        """Those which the guest does not find by their path, and where it has them.

        :raise EngineError: as :meth:`create_container`
        """
        found: dict[tuple[str, bool], Source] = {}
        for source in sources:
            found.setdefault((to_guest(source.path), source.overlaid), source)
        different = list(found.values())
        places = await self._places(different)
        return [
            (source, place)
            for source, place in zip(different, places, strict=True)
            if place is not None and place != to_guest(source.path)
        ]

    async def _admit(self, found: Iterable[Source]) -> None:
        sources = list(found)
        places = await self._places(sources)
        for source, place in reversed(list(zip(sources, places, strict=True))):  # the last in a text first
            if place is None and source.exact:
                place = to_guest(source.path)
            if place is not None and place != source.text:
                source.rewrite(place)

    async def _places(self, sources: Sequence[Source]) -> list[str | None]:
        """Where the guest has each source; None: where it has the path itself, as this computer has not."""
        if not sources:
            return []
        shares = self._shares()
        paths = [source.path for source in sources]
        _require_drives(paths)
        sockets = await self._carry_sockets(paths)
        found = await asyncio.to_thread(lambda: [real_place(path, shares) for path in paths])
        places = [socket or one.guest for socket, one in zip(sockets, found, strict=True)]
        await self._require([one for one, place in zip(found, places, strict=True) if place is None])
        _refuse_layers(source for source, place in zip(sources, places, strict=True) if place is not None)
        made = [place for source, place in zip(sources, places, strict=True) if source.made and place is not None]
        needed = [share for share in shares if any(is_within(path, to_guest(share)) for path in made)]
        await asyncio.to_thread(self._make, needed)
        return places

    async def _carry_sockets(self, paths: Sequence[str]) -> list[str | None]:
        """The guest's name for each that is a socket of the host's."""
        found = await asyncio.to_thread(lambda: [self._sockets.find(path) for path in paths])
        return [None if socket is None else await self._sockets.carry(socket) for socket in found]

    async def _require(self, missing: Sequence[RealPlace]) -> None:
        """See that these, which are in no shared folder, are the guest's. :raise EngineError: some are not."""
        if not missing:
            return
        await self._refuse(await asyncio.to_thread(lambda: [one for one in missing if _meant_here(one)]))
        there = await self._guest.find([to_guest(one.path) for one in missing])
        await self._refuse([one for one in missing if to_guest(one.path) not in there])

    async def _refuse(self, places: Sequence[RealPlace]) -> None:
        """:raise EngineError: there are any."""
        if not places:
            return
        links = [one for one in places if one.by_share and one.real != one.path]
        if links:
            leads, real = f"“{links[0].path}” leads to “{links[0].real}”", links[0].real
            raise EngineError(
                f"{leads}, which is not shared, so no container can mount it", await self._advise(real)
            )
        names = ", ".join(f"“{one.path}”" for one in places)
        verb, them = ("is", "it") if len(places) == 1 else ("are", "them")
        raise EngineError(
            f"{names} {verb} not shared, so no container can mount {them}", await self._advise(places[0].path)
        )


def _meant_here(place: RealPlace) -> bool:
    """Whether its user expects this computer's, not the guest's. Looks at the disk."""
    if place.by_share:
        return True
    is_engines = any(is_within(to_guest(place.path), folder) for folder in ENGINES)
    return place.may_be_hosts and os.path.lexists(place.path) and place.path != os.sep and not is_engines


def _require_drives(paths: Iterable[str]) -> None:
    """:raise EngineError: one of these is of Windows', but on no drive."""
    for path in paths:
        if is_elsewhere(path):
            raise EngineError(
                f"“{path}” is on no drive of your computer, so no container can mount it",
                "Copy what you need to a shared folder. A volume can be a network's folder: docker volume create"
                " --opt type=cifs --opt device=… --opt o=…",
            )


def _refuse_layers(sources: Iterable[Source]) -> None:
    """:raise EngineError: one of these, which are in shared folders, is a layer of an overlay."""
    for source in sources:
        if source.overlaid:
            raise EngineError(
                f"“{source.path}” is in a shared folder, which cannot be a layer of an overlay",
                "Mount it as it is: type=none, o=bind, device=….",
            )


def _volume_names(container: JsonObject) -> list[str]:
    """The named volumes of a container, as the engine tells them."""
    mounts = container.get("Mounts")
    return [
        mount["Name"]
        for mount in (mounts if isinstance(mounts, list) else ())
        if isinstance(mount, dict) and mount.get("Type") == "volume" and isinstance(mount.get("Name"), str)
    ]
