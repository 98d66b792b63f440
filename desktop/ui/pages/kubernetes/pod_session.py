"""A terminal in a container of any cluster, by the cluster's API."""

from __future__ import annotations

from collections.abc import AsyncIterator

from desktop.ui.kubernetes.cluster import Cluster
from desktop.ui.models.kubernetes.meta import Meta
from desktop.ui.pages.shell import COMMANDS, NO_SHELL, Kind, TerminalSession


class PodSession(TerminalSession):
    """In a container of a pod. The API names no terminal, so the container's own TERM counts."""

    def __init__(self, cluster: Cluster, meta: Meta, container: str, kind: Kind, size: tuple[int, int]) -> None:
        super().__init__(kind, size)
        self._cluster, self._meta, self._container = cluster, meta, container

    async def output(self) -> AsyncIterator[bytes]:
        client = await self._cluster.client()
        for argv in COMMANDS[self._kind]:
            said = False
            async with (
                client.exec(self._meta.namespace, self._meta.name, self._container, argv) as command,
                self._connected(command.write, command.resize),
            ):
                yield b""
                async for data in command.output():
                    said = True
                    yield data
            self.code = command.code
            self.refused = not said and (command.failure is not None or command.code in NO_SHELL)
            if not self.refused:
                return
