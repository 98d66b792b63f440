"""The typed, asynchronous client of the Docker Engine API, over the endpoint's socket.

    async with EngineClient(socket) as engine:
        print((await engine.version()).version)
        async for step in engine.images.pull("alpine"): ...

transport.py   dials, negotiates the API version, maps failures; the seam for other ways than a Unix socket
link_transport.py   such a way: streams, of the link into the machine or to another computer (engine/remote)
socket_stream.py    a connected socket or pipe as a stream
streams.py     JSON lines, multiplexed output, duplex connections       errors.py   what can go wrong
models.py      the engine's answers as values                         progress.py long work and its failures
system.py      images.py      containers.py      volumes.py      networks.py      services.py      files.py
registry.py    names of images, and what registries refuse              credentials.py who the user is there
command.py     the host's docker command
build/         builds with BuildKit
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from engine.client.containers import Containers
from engine.client.images import Images
from engine.client.models import Event, Service, Version
from engine.client.networks import Networks
from engine.client.progress import Lookup, no_credentials
from engine.client.services import Nodes, Services
from engine.client.system import Filters, System
from engine.client.transport import REPLY_SECONDS, Dialler, SocketDialler, Transport
from engine.client.volumes import Volumes

__all__ = ["EngineClient", "Event", "Service", "Version"]


class EngineClient:
    """One engine; use it as an async context manager.

    :param way: the endpoint's socket, or another way to an engine.
    :param timeout: seconds for an answer to begin; streams have no limit.
    :param keys: the credentials for a registry; none by default, else :meth:`.credentials.UserKeys.look`.
    """

    def __init__(
        self, way: Path | Dialler, timeout: float = REPLY_SECONDS, *, keys: Lookup = no_credentials
    ) -> None:
        dialler = SocketDialler(way) if isinstance(way, Path) else way
        self._transport = Transport(dialler, timeout)
        self._system = System(self._transport)
        self.images = Images(self._transport, keys)
        self.containers = Containers(self._transport)
        self.volumes = Volumes(self._transport)
        self.networks = Networks(self._transport)
        self.services = Services(self._transport)
        self.nodes = Nodes(self._transport)

    async def __aenter__(self) -> EngineClient:
        return self

    async def __aexit__(self, *details: object) -> None:
        await self._transport.close()

    async def ping(self) -> str:
        """A sign of life: the engine's API version.

        :raise EngineUnreachable: there is none.
        """
        return str((await self._transport.ping()).get("Api-Version", ""))

    async def version(self) -> Version:
        """See :meth:`engine.client.system.System.version`."""
        return await self._system.version()

    async def info(self) -> dict[str, Any]:
        """See :meth:`engine.client.system.System.info`."""
        return await self._system.info()

    async def df(self, *kinds: str) -> dict[str, Any]:
        """See :meth:`engine.client.system.System.df`."""
        return await self._system.df(*kinds)

    async def prune_builds(self) -> int:
        """See :meth:`engine.client.system.System.prune_builds`."""
        return await self._system.prune_builds()

    def events(
        self, filters: Filters | None = None, since: float | None = None, until: float | None = None
    ) -> AsyncIterator[Event]:
        """See :meth:`engine.client.system.System.events`."""
        return self._system.events(filters, since, until)

    def event_stream(
        self, filters: Filters | None = None, since: float | None = None, until: float | None = None
    ) -> AbstractAsyncContextManager[AsyncIterator[Event]]:
        """See :meth:`engine.client.system.System.event_stream`."""
        return self._system.event_stream(filters, since, until)
