"""Another engine behind the endpoint: what becomes of connections to the one before; the way to a local one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from engine.endpoint import Endpoint, GuestRoute
from engine.endpoint.admission import Unchecked
from engine.endpoint.route import LocalRoute
from tests.unit.carriers import MemoryCarrier, MemoryStream
from tests.unit.engine.endpoint.client import GUEST, PING, ask, connected, hello, message
from tests.unit.local_server import serving
from tests.unit.sshd import eventually
from vm.errors import EngineError, LinkError
from vm.guest.stream import Stream
from vm.host import host

pytestmark = pytest.mark.both_loops

SWITCHED = EngineError("Slipway has switched to Windows containers", "Try again.")
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"


@pytest.fixture
async def checked(make: Callable[..., Endpoint]) -> AsyncIterator[Endpoint]:
    """An endpoint that follows requests."""
    started = make(wait_seconds=10.0, admission=Unchecked())
    await started.start()
    yield started
    await started.close()


async def silent(stream: MemoryStream) -> None:
    while await stream.read(4096):
        pass


async def answering(stream: MemoryStream) -> None:
    while await stream.read(4096):
        await stream.write(ANSWER)


async def streaming(stream: MemoryStream) -> None:
    await stream.read(4096)
    await stream.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n")
    await asyncio.Event().wait()


async def test_a_client_that_waits_for_an_answer_is_told(checked: Endpoint) -> None:
    checked.open_gate(GuestRoute(MemoryCarrier(silent), GUEST))
    asking = asyncio.create_task(ask(checked))
    await eventually(lambda: checked.stats.bytes_to_guest == len(PING))
    await checked.cut(SWITCHED)
    answer = await asking
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert message(answer) == "Slipway has switched to Windows containers. Try again."
    assert checked.connections == 0


@pytest.mark.parametrize("guest", [answering, streaming])
async def test_a_connection_that_has_had_its_answer_just_ends(
    checked: Endpoint, guest: Callable[[MemoryStream], object]
) -> None:
    """Idle, or in the middle of an answer: a sentence of ours would be taken for a part of it."""
    checked.open_gate(GuestRoute(MemoryCarrier(guest), GUEST))  # type: ignore[arg-type]  # a coroutine function
    async with connected(checked) as (reader, writer):
        writer.write(PING)
        first = await reader.read(4096)
        assert first.startswith(b"HTTP/1.1 200 OK")
        await checked.cut(SWITCHED)
        assert await reader.read() in (b"", b"2\r\nab\r\n")
    assert checked.connections == 0


async def test_a_client_that_waits_at_the_gate_gets_the_next_engine(checked: Endpoint) -> None:
    checked.hold("Slipway is switching to Windows containers")
    asking = asyncio.create_task(ask(checked))
    await eventually(lambda: checked.waiting == 1)
    await checked.cut(SWITCHED)
    checked.open_gate(GuestRoute(MemoryCarrier(hello), GUEST))
    assert await asking == b"hello from the guest"


async def test_a_client_that_does_not_read_delays_nothing(
    checked: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.endpoint.endpoint.CUT_SECONDS", 0.1)
    checked.open_gate(GuestRoute(MemoryCarrier(silent), GUEST))
    async with connected(checked) as (_, writer):
        writer.write(PING)
        await eventually(lambda: checked.stats.bytes_to_guest == len(PING))
        async with asyncio.timeout(5):
            await checked.cut(SWITCHED)
        assert checked.connections == 0


# -- the way to an engine of this computer ------------------------------------------------------------------------


async def test_the_way_to_a_local_engine(endpoint: Endpoint, tmp_path: Path) -> None:
    async def engine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.read()  # up to the client's end, which comes through
        writer.write(b"heard " + request)
        await writer.drain()

    path = tmp_path / "e.sock"
    async with serving(path, engine):
        endpoint.open_gate(LocalRoute(host(), path))
        async with connected(endpoint) as (reader, writer):
            writer.write(b"you")
            writer.write_eof()
            assert await reader.read() == b"heard you"


async def test_a_local_engine_that_is_not_there(tmp_path: Path) -> None:
    route = LocalRoute(host(), tmp_path / "e.sock")
    with pytest.raises(LinkError, match="Nothing answers at"):
        await route.open()
    assert not route.admitted
    assert await route.emulated() is None


async def test_a_local_engine_that_reads_no_more_is_a_link_that_was_cut(tmp_path: Path) -> None:
    async def engine(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    path = tmp_path / "e.sock"
    async with serving(path, engine):
        stream = await LocalRoute(host(), path).open()
        await stream.write(b"x")
        assert await stream.read(100) == b""
        with pytest.raises(LinkError, match="was lost"):
            await _write_until_cut(stream)
        await stream.close()


async def _write_until_cut(stream: Stream) -> None:
    async with asyncio.timeout(10):
        while True:
            await stream.write(b"x")
            await asyncio.sleep(0)  # its error is the event loop's to notice
