"""Shared folders that were replaced on the host: containers get the ones that are there now."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from engine.endpoint.admission.documents import JsonObject
from engine.endpoint.admission.pipeline import Step


class ReplacedFolders(Step):
    """Has the shared folders looked at before dockerd mounts them: a container's create, start and file copy.

    :param refresh: mounts those again in whose place another folder is now; raises
        :class:`~vm.errors.EngineError` when it cannot
    """

    def __init__(self, refresh: Callable[[], Awaitable[None]]) -> None:
        self._refresh = refresh

    async def create_container(self, body: JsonObject) -> None:
        """Refresh; the body stays as it is."""
        await self._refresh()

    async def change_service(self, body: JsonObject) -> None:
        """Refresh; the body stays as it is."""
        await self._refresh()

    async def start(self, container: JsonObject, over: asyncio.Future[None]) -> None:
        """Refresh."""
        await self._refresh()

    async def copy_files(self, container: JsonObject) -> None:
        """Refresh."""
        await self._refresh()
