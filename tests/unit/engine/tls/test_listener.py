"""Clients that are not let in, and those that are let in no more."""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from pathlib import Path

import pytest

from engine.endpoint import GuestRoute
from engine.tls import TlsListener
from engine.tls.certificates import Authority
from tests.localhost import free_port
from tests.unit.carriers import MemoryCarrier, echo
from tests.unit.engine.endpoint.client import GUEST, message
from tests.unit.engine.tls.client import TlsClient, client_context, connected, of_bundle
from tests.unit.engine.tls.conftest import Served
from tests.unit.sshd import eventually
from vm.errors import EngineError

pytestmark = pytest.mark.both_loops


@pytest.fixture(autouse=True)
def engine(served: Served) -> MemoryCarrier:
    """An engine that anybody who is let in would reach."""
    carrier = MemoryCarrier(echo)
    served.endpoint.open_gate(GuestRoute(carrier, GUEST))
    return carrier


async def ask(port: int, context: ssl.SSLContext) -> bytes:
    async with connected(port, context) as client:
        await client.send(b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n")
        return await client.read_all()


async def alert(served: Served, context: ssl.SSLContext) -> str:
    """The alert that a client is sent; in TLS 1.3 it comes after the client's side of the handshake."""
    with pytest.raises(ssl.SSLError) as caught:
        await ask(served.port, context)
    assert caught.value.reason is not None
    return caught.value.reason


VERSIONS = pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])


@VERSIONS
async def test_no_certificate(served: Served, short_folder: Path, version: ssl.TLSVersion) -> None:
    context = client_context(short_folder, served.store.authority().pem.decode(), None)
    context.maximum_version = version
    wanted = "TLSV13_ALERT_CERTIFICATE_REQUIRED" if version is ssl.TLSVersion.TLSv1_3 else "HANDSHAKE_FAILURE"
    assert wanted in await alert(served, context)


@VERSIONS
async def test_a_certificate_of_another_authority(
    served: Served, short_folder: Path, version: ssl.TLSVersion
) -> None:
    stranger = Authority(Authority.make(time.time())).issue_client("laptop", 9, time.time())
    context = client_context(short_folder, served.store.authority().pem.decode(), stranger)
    context.maximum_version = version
    assert await alert(served, context) == "TLSV1_ALERT_UNKNOWN_CA"


@VERSIONS
async def test_an_expired_certificate(served: Served, short_folder: Path, version: ssl.TLSVersion) -> None:
    pair = served.store.authority().issue_client("laptop", 1, time.time() - 9 * 86400)
    context = client_context(short_folder, served.store.authority().pem.decode(), pair)
    context.maximum_version = version
    assert await alert(served, context) == "SSLV3_ALERT_CERTIFICATE_EXPIRED"


@VERSIONS
async def test_a_revoked_certificate(served: Served, version: ssl.TLSVersion) -> None:
    served.client.maximum_version = version
    async with connected(served.port, served.client) as client:
        await client.send(b"before")
        assert await client.read() == b"before"
    served.store.revoke("laptop")
    served.listener.use(served.store.identity())
    assert await alert(served, served.client) == "SSLV3_ALERT_CERTIFICATE_REVOKED"


async def test_a_session_of_before_is_no_way_in(served: Served) -> None:
    """TLS 1.2 resumes a session without any certificate."""
    served.client.maximum_version = ssl.TLSVersion.TLSv1_2
    async with connected(served.port, served.client) as client:
        await client.send(b"before")
        assert await client.read() == b"before"
        session = client.tls.session
    served.store.revoke("laptop")
    served.listener.use(served.store.identity())
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    client = TlsClient(reader, writer, served.client, "localhost", session)
    with pytest.raises(ssl.SSLError, match="REVOKED"):
        await client.shake_hands()
    writer.transport.abort()


async def test_open_connections_of_a_revoked_client_end_and_others_do_not(
    served: Served, short_folder: Path, engine: MemoryCarrier
) -> None:
    other = of_bundle(short_folder, served.store.add_client("ci"))
    served.listener.use(served.store.identity())
    async with connected(served.port, served.client) as one, connected(served.port, other) as two:
        for client in (one, two):
            await client.send(b"hello")
            assert await client.read() == b"hello"
        assert sorted(served.listener.connections().values()) == [1, 1]
        served.store.revoke("laptop")
        served.listener.use(served.store.identity())
        with pytest.raises(ConnectionResetError):
            await one.read()
        await two.send(b"still here")
        assert await two.read() == b"still here"
        await eventually(lambda: engine.streams[0].closed)
        assert not engine.streams[1].closed
        assert list(served.listener.connections().values()) == [1]


async def test_the_server_s_own_certificate_is_no_client_s(served: Served, short_folder: Path) -> None:
    authority = served.store.authority()
    pair = authority.issue_server(["localhost"], time.time())
    context = client_context(short_folder, authority.pem.decode(), pair)
    assert await alert(served, context) == "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE"


async def test_a_certificate_that_is_in_no_list(served: Served, short_folder: Path, engine: MemoryCarrier) -> None:
    """The authority has signed it, but the record does not have it: it was taken out, or the key was stolen."""
    authority = served.store.authority()
    pair = authority.issue_client("ghost", 9, time.time())
    context = client_context(short_folder, authority.pem.decode(), pair)
    with pytest.raises(ConnectionResetError):
        async with connected(served.port, context) as client:
            await client.read()
    assert engine.attempts == 0


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
async def test_old_versions(served: Served, version: ssl.TLSVersion) -> None:
    with pytest.warns(DeprecationWarning, match="is deprecated"):
        served.client.minimum_version = served.client.maximum_version = version
    served.client.set_ciphers("ALL:@SECLEVEL=0")
    assert await alert(served, served.client) == "TLSV1_ALERT_PROTOCOL_VERSION"


async def exchange(port: int, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD"])
async def test_plain_http_is_told_what_is_missing(served: Served, engine: MemoryCarrier, method: str) -> None:
    answer = await exchange(served.port, f"{method} /v1.50/containers/json HTTP/1.1\r\nHost: d\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    if method == "HEAD":
        assert answer.endswith(b"\r\n\r\n")
    else:
        assert message(answer).startswith("This port takes TLS only")
    assert engine.attempts == 0


@pytest.mark.parametrize("data", [b"\x00" * 100, b"SSH-2.0-x\r\n", b"\x16\x03\x01\xff\xff" + b"\xff" * 70_000])
async def test_what_is_no_tls(served: Served, engine: MemoryCarrier, data: bytes) -> None:
    answer = await exchange(served.port, data)
    assert not answer.startswith(b"HTTP")
    await eventually(lambda: served.listener.unfinished == 0)
    assert engine.attempts == 0


async def test_rubbish_after_the_handshake_ends_the_connection(served: Served) -> None:
    async with connected(served.port, served.client) as client:
        client.writer.write(b"\x17\x03\x03\x00\x20" + b"x" * 32)
        with pytest.raises((ssl.SSLError, ConnectionResetError)):
            await client.read()
    await eventually(lambda: served.endpoint.connections == 0)


async def test_a_client_that_says_nothing_is_given_up(served: Served) -> None:
    began = time.monotonic()
    assert await exchange(served.port, b"") == b""
    assert time.monotonic() - began >= 0.9
    assert served.listener.unfinished == 0


async def test_silent_clients_do_not_keep_others_out(served: Served) -> None:
    """Four handshakes may be under way; the oldest makes room."""
    silent = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(20)]
    async with connected(served.port, served.client) as client:
        await client.send(b"hello")
        assert await client.read() == b"hello"
    assert served.listener.unfinished <= 4
    for _, writer in silent:
        writer.transport.abort()


async def test_a_slow_reader_does_not_hurt_others(served: Served) -> None:
    async with connected(served.port, served.client) as slow, connected(served.port, served.client) as quick:
        sending = asyncio.create_task(slow.send(b"x" * 30_000_000))
        await quick.send(b"hello")
        assert await asyncio.wait_for(quick.read(), 5) == b"hello"
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)


async def test_a_taken_port_is_named_with_its_program(served: Served) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        listener = TlsListener("127.0.0.1", taken.getsockname()[1], served.store.identity())
        with pytest.raises(
            EngineError, match=r"the port is in use on your computer by .*\(process \d+\)"
        ) as caught:
            await listener.start(asyncio.Protocol)
    assert "--port" in caught.value.hint


async def test_an_address_of_another_computer(served: Served) -> None:
    listener = TlsListener("192.0.2.77", 2376, served.store.identity())
    with pytest.raises(EngineError, match="does not have this address"):
        await listener.start(asyncio.Protocol)


async def test_ipv6(served: Served) -> None:
    listener = TlsListener("::1", free_port(), served.store.identity())
    await served.endpoint.listen_also(listener)
    _, writer = await asyncio.open_connection("::1", listener.port, ssl=served.client, server_hostname="::1")
    await eventually(lambda: served.endpoint.connections == 1)
    writer.transport.abort()


async def test_closing_ends_handshakes_and_the_listener(served: Served) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    await eventually(lambda: served.listener.unfinished == 1)
    await served.endpoint.listen_no_more(served.listener)
    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", served.port)
