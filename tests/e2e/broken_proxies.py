"""Proxies with the mistakes people make in front of a Docker socket: the wire probes must notice each of them."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Flaw = Callable[[Streams, Streams], Awaitable[None]]
"""Carries one connection, wrongly: gets the client's side and the engine's."""


async def _copy(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()


async def closes_both_ways_at_the_first_end(client: Streams, engine: Streams) -> None:
    """The classic: the first end of one direction ends the other too."""
    ways = [asyncio.create_task(_copy(client[0], engine[1])), asyncio.create_task(_copy(engine[0], client[1]))]
    try:
        await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for way in ways:
            way.cancel()
        await asyncio.gather(*ways, return_exceptions=True)


async def forwards_no_end(client: Streams, engine: Streams) -> None:
    """The client's end never reaches the engine: `docker run -i < file` hangs."""
    await asyncio.gather(_copy(client[0], engine[1]), _copy(engine[0], client[1]))


async def invents_an_end_after_a_second_of_silence(client: Streams, engine: Streams) -> None:
    """An idle time-out where there must be none."""

    async def impatient() -> None:
        with contextlib.suppress(ConnectionError, TimeoutError):
            while data := await asyncio.wait_for(client[0].read(65536), 1):
                engine[1].write(data)
                await engine[1].drain()
        engine[1].write_eof()

    await asyncio.gather(impatient(), _copy(engine[0], client[1]))


async def takes_turns(client: Streams, engine: Streams) -> None:
    """One request, then one whole answer: fine for plain HTTP, wrong for all that goes on talking."""
    request = await client[0].read(65536)
    engine[1].write(request)
    engine[1].write_eof()
    client[1].write(await engine[0].read())


@contextmanager
def broken_proxy(flaw: Flaw, target: Path) -> Iterator[Path]:
    """Run a proxy with ``flaw`` in front of ``target``, in a thread with a loop of its own. Yields its socket."""
    loop = asyncio.new_event_loop()
    connections: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        connections.add(task)
        upstream = await asyncio.open_unix_connection(str(target))
        try:
            with contextlib.suppress(ConnectionError, asyncio.CancelledError):  # cancelled when the proxy stops
                await flaw((reader, writer), upstream)
        finally:
            writer.close()
            upstream[1].close()
            connections.discard(task)

    async def stop(server: asyncio.AbstractServer) -> None:
        server.close()
        for task in list(connections):
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)

    with tempfile.TemporaryDirectory(prefix="slw-") as folder:
        path = Path(folder) / "s"
        server = loop.run_until_complete(asyncio.start_unix_server(serve, str(path), backlog=1024))
        thread = threading.Thread(target=loop.run_forever)
        thread.start()
        try:
            yield path
        finally:
            asyncio.run_coroutine_threadsafe(stop(server), loop).result(10)
            loop.call_soon_threadsafe(loop.stop)
            thread.join(10)
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
