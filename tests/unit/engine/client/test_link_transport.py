"""The client over streams instead of a socket: calls, streams, and each way to fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from engine.client import EngineClient
from engine.client.errors import EngineUnreachable, NotFound, StreamBroken
from engine.client.link_transport import RouteDialler
from tests.unit.carriers import MemoryCarrier, MemoryStream
from vm.errors import LinkError

PING = b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Length: 2\r\n\r\nOK"


class Guest:
    """Answers ``/_ping``, and every other request with ``answer``.

    :ivar requests: the first lines of the others.
    """

    def __init__(self) -> None:
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
        self.requests: list[str] = []
        self.streams: list[MemoryStream] = []

    async def __call__(self, stream: MemoryStream) -> None:
        self.streams.append(stream)
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            if not (data := await stream.read(65536)):
                return
            head += data
        if b"/_ping" in head:
            await stream.write(PING)
            return
        self.requests.append(head.decode().split("\r\n")[0])
        if self.answer:
            await stream.write(self.answer)
        else:
            await stream.write_eof()


class Route:
    """To the guest, by a carrier in memory."""

    def __init__(self, carrier: MemoryCarrier) -> None:
        self.carrier = carrier

    async def open(self) -> MemoryStream:
        return await self.carrier.open_unix("/run/docker.sock")


@pytest.fixture
def guest() -> Guest:
    return Guest()


@pytest.fixture
def carrier(guest: Guest) -> MemoryCarrier:
    return MemoryCarrier(guest)


@pytest.fixture
async def engine(carrier: MemoryCarrier) -> AsyncIterator[EngineClient]:
    async with EngineClient(RouteDialler(Route(carrier)), timeout=0.2) as made:
        yield made


async def test_calls(engine: EngineClient, guest: Guest, carrier: MemoryCarrier) -> None:
    assert await engine.info() == {}
    guest.answer = b'HTTP/1.1 404 Not Found\r\nContent-Length: 21\r\n\r\n{"message": "nobody"}'
    with pytest.raises(NotFound, match="nobody"):
        await engine.info()
    assert guest.requests == ["GET /v1.51/info HTTP/1.1"] * 2
    assert len(carrier.streams) == 3
    assert all(stream.closed for stream in carrier.streams), "none is kept: it cannot tell that it has ended"


async def test_a_stream_of_events_and_its_break(engine: EngineClient, guest: Guest) -> None:
    line = b'{"Type": "container", "Action": "start"}\n'
    guest.answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(line), line)
    seen = []

    async def read() -> None:
        async with engine.event_stream() as events:
            async for event in events:
                seen.append(event.action)
                await guest.streams[-1].peer.break_off(LinkError("the link broke"))

    with pytest.raises(EngineUnreachable, match="cannot be reached") as caught:
        await read()
    assert seen == ["start"]
    assert "the link broke" in caught.value.detail


async def test_nothing_listens(engine: EngineClient, carrier: MemoryCarrier) -> None:
    carrier.refuse = LinkError("nothing listens there", detail="/run/docker.sock")
    with pytest.raises(EngineUnreachable) as caught:
        await engine.info()
    assert "nothing listens there /run/docker.sock" in caught.value.detail


async def test_an_engine_that_does_not_answer(engine: EngineClient, guest: Guest) -> None:
    guest.answer = b""
    with pytest.raises(EngineUnreachable, match="The engine cannot be reached"):
        await engine.info()
    silent = MemoryCarrier(lambda stream: asyncio.sleep(3600))
    async with EngineClient(RouteDialler(Route(silent)), timeout=0.05) as other:
        with pytest.raises(EngineUnreachable, match="does not answer in time"):
            await other.info()


async def test_a_connection_is_taken_over(engine: EngineClient, guest: Guest) -> None:
    head = b"HTTP/1.1 101 UPGRADED\r\nContent-Type: application/vnd.docker.raw-stream\r\n"
    guest.answer = head + b"Connection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello"
    async with await engine.containers.attach("web", stdin=True) as duplex:
        chunks = duplex.chunks()
        assert await anext(chunks) == b"hello"
        await duplex.write_eof()
        stream = guest.streams[-1]
        assert await stream.read(10) == b""
        await stream.write(b" and more")
        assert await anext(chunks) == b" and more"
        await stream.peer.break_off(LinkError("the link broke"))
        with pytest.raises(StreamBroken) as caught:
            await anext(chunks)
    assert "the link broke" in caught.value.detail


async def test_no_connection_can_be_taken_over(engine: EngineClient, carrier: MemoryCarrier) -> None:
    await engine.ping()
    carrier.refuse = LinkError("nothing listens there", detail="/run/docker.sock")
    with pytest.raises(EngineUnreachable, match="cannot be reached"):
        await engine.containers.attach("web")
