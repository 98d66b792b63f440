"""Calls that are cancelled, at each step and more than once, leave no connection behind."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from engine.cancellation import CancelSafeTransport
from tests.unit.local_server import serving

pytestmark = pytest.mark.both_loops

STEPS = 40
"""Turns of the loop in which a call to the server below has begun, and waits for more of its answer."""

BEGINNING = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n"


class Server:
    """Begins its answer and never ends it, or breaks it off."""

    def __init__(self, breaks: bool) -> None:
        self.breaks = breaks
        self.open = 0
        self.idle = asyncio.Event()
        self.met = 0
        self.asked: Callable[[], object] = lambda: None

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.open += 1
        self.met += 1
        self.idle.clear()
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(BEGINNING)
            self.asked()
            if not self.breaks:
                await reader.read()
        finally:
            self.open -= 1
            if not self.open:
                self.idle.set()


@contextlib.asynccontextmanager
async def client(path: Path) -> AsyncIterator[httpx.AsyncClient]:
    transport = CancelSafeTransport(httpx.AsyncHTTPTransport(uds=str(path)))
    async with httpx.AsyncClient(transport=transport, base_url="http://x", timeout=10) as made:
        yield made


async def look(http: httpx.AsyncClient) -> None:
    async with http.stream("GET", "/") as reply:
        async for _ in reply.aiter_raw():
            pass


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


@pytest.mark.parametrize("breaks", [False, True], ids=["held", "broken off"])
@pytest.mark.parametrize("pause", [0, 1, 2, 3])
async def test_cancelled_at_each_step(tmp_path: Path, pause: int, breaks: bool) -> None:
    server = Server(breaks)
    async with serving(tmp_path / "s", server.serve), client(tmp_path / "s") as http:
        for step in range(STEPS):
            call = asyncio.create_task(look(http))
            await turns(step)
            for _ in range(3):
                call.cancel()
                await turns(pause)
            with pytest.raises((asyncio.CancelledError, httpx.HTTPError)):
                await call
            if server.open:
                await asyncio.wait_for(server.idle.wait(), 5)
    assert server.met > STEPS / 2


async def test_an_answer_that_comes_too_late_is_closed(tmp_path: Path) -> None:
    closed = asyncio.Event()

    class Stream(httpx.AsyncByteStream):
        async def aclose(self) -> None:
            closed.set()

    class Stubborn(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(10)
            return httpx.Response(200, stream=Stream())

    async with httpx.AsyncClient(transport=CancelSafeTransport(Stubborn()), base_url="http://x") as http:
        call = asyncio.create_task(look(http))
        await turns(20)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
    assert closed.is_set()


async def test_a_time_out_of_asyncio_ends_a_call(tmp_path: Path) -> None:
    server = Server(breaks=False)
    async with serving(tmp_path / "s", server.serve), client(tmp_path / "s") as http:
        limit = asyncio.timeout(None)
        server.asked = lambda: limit.reschedule(asyncio.get_running_loop().time())
        with pytest.raises(TimeoutError):
            async with limit:
                await look(http)
        assert http.is_closed is False
        await asyncio.wait_for(server.idle.wait(), 5)
