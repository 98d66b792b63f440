"""TLS with directions that end independently, through the endpoint to an engine in memory."""

from __future__ import annotations

import asyncio
import ssl

import pytest

from engine.endpoint import GuestRoute
from engine.tls import TlsListener
from tests.localhost import free_port
from tests.unit.carriers import MemoryCarrier, MemoryStream, echo
from tests.unit.engine.endpoint.client import GUEST, hello, message
from tests.unit.engine.tls.client import connected
from tests.unit.engine.tls.conftest import Served
from tests.unit.sshd import eventually
from vm.errors import EngineError

pytestmark = pytest.mark.both_loops

VERSIONS = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)


async def count(stream: MemoryStream) -> None:
    """Answers once its input has ended, as ``wc -c`` does."""
    size = 0
    while data := await stream.read(65536):
        size += len(data)
    await stream.write(f"{size} bytes".encode())
    await stream.write_eof()


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_the_engine_says_after_the_client_has_ended_arrives(
    served: Served, version: ssl.TLSVersion
) -> None:
    served.client.maximum_version = version
    served.endpoint.open_gate(GuestRoute(MemoryCarrier(count), GUEST))
    async with connected(served.port, served.client) as client:
        await client.send(b"x" * 3_000_000)
        await client.end()
        assert await client.read_all() == b"3000000 bytes"


@pytest.mark.parametrize("version", VERSIONS)
async def test_what_the_client_says_after_the_engine_has_ended_arrives(
    served: Served, version: ssl.TLSVersion
) -> None:
    served.client.maximum_version = version
    heard = asyncio.get_running_loop().create_future()

    async def end_first(stream: MemoryStream) -> None:
        await stream.write(b"done")
        await stream.write_eof()
        found = b""
        while data := await stream.read(65536):
            found += data
        heard.set_result(len(found))

    served.endpoint.open_gate(GuestRoute(MemoryCarrier(end_first), GUEST))
    async with connected(served.port, served.client) as client:
        assert await client.read_all() == b"done"
        for _ in range(10):  # records in pieces: one is incomplete whenever the server looks
            await client.send(b"y" * 50_000, pieces_of=7_000)
        await client.end()
        assert await heard == 500_000


async def test_the_server_ends_in_the_middle_of_a_record(served: Served) -> None:
    """Sending close_notify makes OpenSSL look for the client's, where half a record is."""
    go, heard = asyncio.Event(), asyncio.get_running_loop().create_future()

    async def end_in_between(stream: MemoryStream) -> None:
        first = await stream.read(65536)
        await go.wait()
        await stream.write_eof()
        while data := await stream.read(65536):
            first += data
        heard.set_result(first)

    served.endpoint.open_gate(GuestRoute(MemoryCarrier(end_in_between), GUEST))
    async with connected(served.port, served.client) as client:
        await client.send(b"before")
        client.tls.write(b"z" * 10_000)
        record = client.outgoing()
        client.writer.write(record[:4_000])
        await eventually(lambda: served.endpoint.stats.bytes_to_guest == len(b"before"))
        go.set()
        assert await client.read_all() == b""
        client.writer.write(record[4_000:])
        await client.end()
        assert await heard == b"before" + b"z" * 10_000


async def test_a_client_that_ends_tcp_too_is_answered(served: Served) -> None:
    served.endpoint.open_gate(GuestRoute(MemoryCarrier(count), GUEST))
    async with connected(served.port, served.client) as client:
        await client.send(b"x" * 1000)
        await client.end(tcp=True)
        assert await client.read_all() == b"1000 bytes"


async def test_a_connection_that_ends_without_close_notify_was_cut(served: Served) -> None:
    """What a client had to say may be incomplete: the engine is not to take it for the whole."""
    carrier = MemoryCarrier(count)
    served.endpoint.open_gate(GuestRoute(carrier, GUEST))
    async with connected(served.port, served.client) as client:
        await client.send(b"half of it")
        await eventually(lambda: served.endpoint.stats.bytes_to_guest > 0)
        client.writer.write_eof()
        await eventually(lambda: served.endpoint.connections == 0)
    assert carrier.streams[0].closed
    assert not carrier.streams[0].peer.eof


async def test_much_comes_back_complete_though_the_client_reads_late(served: Served) -> None:
    served.endpoint.open_gate(GuestRoute(MemoryCarrier(echo), GUEST))
    data = bytes(range(256)) * 40_000
    async with connected(served.port, served.client) as client:
        sending = asyncio.create_task(client.send(data))
        found = b""
        while len(found) < len(data):
            found += await client.read()
        await sending
        await client.end()
        assert await client.read_all() == b""
    assert found == data


async def test_many_clients_at_once(served: Served) -> None:
    """As many as handshakes may be under way, again and again: a client that is served does not count as one."""
    served.endpoint.open_gate(GuestRoute(MemoryCarrier(hello), GUEST))

    async def ask() -> bytes:
        async with connected(served.port, served.client) as client:
            await client.send(b"GET / HTTP/1.1\r\nHost: d\r\n\r\n")
            await client.end()
            return await client.read_all()

    for _ in range(10):
        assert await asyncio.gather(*(ask() for _ in range(4))) == [b"hello from the guest"] * 4
    await eventually(lambda: served.endpoint.connections == 0)
    assert not served.listener.connections()


async def test_while_the_engine_is_stopped_the_answer_is_that_of_the_local_socket(served: Served) -> None:
    served.endpoint.shut(EngineError("Slipway is stopped", "Start it: slipway start"))
    async with connected(served.port, served.client) as client:
        await client.send(b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n")
        answer = await client.read_all()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert message(answer) == "Slipway is stopped. Start it: slipway start"


async def test_while_the_engine_starts_the_client_waits(served: Served) -> None:
    async with connected(served.port, served.client) as client:
        await client.send(b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n")
        await eventually(lambda: served.endpoint.waiting == 1)
        served.endpoint.open_gate(GuestRoute(MemoryCarrier(hello), GUEST))
        assert await client.read_all() == b"hello from the guest"


async def test_a_protocol_that_does_not_keep_its_direction_is_closed(served: Served) -> None:
    """As asyncio's transports do with what eof_received returns; the endpoint's own keeps it."""
    listener = TlsListener("127.0.0.1", free_port(), served.store.identity())
    await listener.start(asyncio.Protocol)
    async with connected(listener.port, served.client) as client:
        await client.end()
        assert await client.read_all() == b""
    await eventually(lambda: not listener.connections())
    await listener.close()
