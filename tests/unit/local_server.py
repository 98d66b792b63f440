"""A server on a Unix socket for one test, which leaves no task and no connection behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from engine.endpoint.local import LocalStream
from vm.errors import LinkError


class SocketRoute:
    """A route to an engine: streams to a Unix socket."""

    def __init__(self, path: Path) -> None:
        self._path = path

    async def open(self) -> LocalStream:
        """:raise LinkError: nothing listens there."""
        loop = asyncio.get_running_loop()
        try:
            _, stream = await loop.create_unix_connection(lambda: LocalStream(lambda _: None), str(self._path))
        except OSError as error:
            raise LinkError(f"nothing listens at {self._path}") from error
        return stream


Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

PATIENCE = 5.0


@asynccontextmanager
async def serving(path: Path, handler: Handler) -> AsyncIterator[None]:
    """Serve each connection with ``handler``; a client that leaves in the middle is no failure."""
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await handler(reader, writer)
        writer.close()
        with contextlib.suppress(ConnectionError):
            await writer.wait_closed()

    server = await asyncio.start_unix_server(serve, path)
    try:
        yield
    finally:
        server.close()
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=PATIENCE)
            assert not late, "a connection was left open"
