"""Where the stand-in's engines answer: the user's socket leads to the one in use, the others each to one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from pathlib import Path

from aiohttp import web

from desktop.supervisor.fake.engine import make_app
from desktop.supervisor.fake.world import World
from engine.endpoint.listener import local_listener

SHUTDOWN_SECONDS = 0.5


class Doors:
    """Belongs to one event loop.

    :param worlds: those of the engines, by name.    :param in_use: names the one that is in use.
    :param runs: whether an engine runs.    :param named: sockets that lead to one engine, by its name.
    """

    def __init__(
        self,
        worlds: Mapping[str, World],
        in_use: Callable[[], str],
        runs: Callable[[str], bool],
        main: Path,
        named: Mapping[str, Path],
    ) -> None:
        self._worlds = worlds
        self._in_use = in_use
        self._runs = runs
        self._main = local_listener(main)
        self._named = {name: local_listener(path) for name, path in named.items()}
        self._runners: list[web.AppRunner] = []
        self._users: dict[str, web.Server] = {}

    async def open(self) -> None:
        """Answer."""
        for name in self._worlds:
            self._users[name] = await self._server(name)
        await self._main.start(self.connect)
        for name, listener in self._named.items():
            await listener.start(await self._server(name))

    def connect(self) -> asyncio.Protocol:
        """For a connection of the user's."""
        return self._users[self._in_use()]()

    async def cut(self, name: str) -> None:
        """End the user's connections to an engine."""
        await self._users[name].shutdown(SHUTDOWN_SECONDS)

    async def close(self) -> None:
        """Answer no more."""
        for listener in (self._main, *self._named.values()):
            await listener.close()
        for runner in self._runners:
            await runner.cleanup()

    async def _server(self, name: str) -> web.Server:
        app = make_app(self._worlds[name], lambda: self._runs(name))
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=SHUTDOWN_SECONDS)
        await runner.setup()
        self._runners.append(runner)
        assert runner.server is not None
        return runner.server
