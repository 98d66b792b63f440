"""TCP with and without TLS: to an engine, and what each side refuses."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from engine.client import EngineClient
from engine.client.errors import EngineUnreachable, TlsFailed
from engine.client.streams import Std
from engine.remote.connect import connect
from engine.remote.endpoints import Endpoint, TlsFiles, parse
from engine.remote.tls import TcpRoute, TlsStream, tls_context
from tests.localhost import free_port
from tests.unit.engine.remote.doors import certificates, door, engine
from tests.unit.local_server import serving
from vm.errors import LinkError
from vm.host import host

pytestmark = pytest.mark.both_loops


@asynccontextmanager
async def client(endpoint: Endpoint) -> AsyncIterator[EngineClient]:
    way = connect(endpoint, host().paths())
    async with EngineClient(way.dialler) as made:
        yield made
    await way.close()


@asynccontextmanager
async def tls_client(socket: Path, theirs: TlsFiles | None, ours: TlsFiles | None) -> AsyncIterator[EngineClient]:
    """A client of the stand-in's engine behind a door."""
    async with (
        engine(socket),
        door(socket, theirs) as port,
        client(parse("far", f"tcp://127.0.0.1:{port}", ours)) as far,
    ):
        yield far


async def test_an_engine_over_tls(tmp_path: Path) -> None:
    ours, theirs = certificates(tmp_path / "pki")
    async with tls_client(tmp_path / "e.sock", theirs, ours) as far:
        assert (await far.version()).version == "28.5.2"
        names = [item.name for item in await far.containers.list()]
        assert "web" in names
        made = await far.containers.exec("web", ["cat"])
        async with await made.start() as terminal:
            await terminal.write(b"a word")
            await terminal.write_eof()
            said = [frame async for frame in terminal.frames()]
        assert {frame.stream for frame in said} <= {Std.OUT, Std.ERR}


async def test_without_tls(tmp_path: Path) -> None:
    async with tls_client(tmp_path / "e.sock", None, None) as far:
        assert await far.ping() == "1.51"


async def test_our_end_is_sent_while_theirs_goes_on(tmp_path: Path) -> None:
    """As ``docker run -i`` needs it: all input, its end, and then megabytes of output."""
    ours, theirs = certificates(tmp_path / "pki")
    got = bytearray()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            got.extend(data)
        writer.write(got * 2)
        writer.write_eof()

    async with serving(tmp_path / "s", serve), door(tmp_path / "s", theirs) as port:
        stream = await TcpRoute(parse("far", f"tcp://127.0.0.1:{port}", ours)).open()
        sent = bytes(range(256)) * 8192
        await stream.write(sent)
        await stream.write_eof()
        await stream.write_eof()  # idempotent
        answer = bytearray()
        while data := await stream.read(65536):
            answer.extend(data)
        await stream.close()
    assert bytes(got) == sent
    assert bytes(answer) == sent * 2


async def test_the_end_is_sent_with_output_still_unread(tmp_path: Path) -> None:
    ours, theirs = certificates(tmp_path / "pki")
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"x" * 200_000)
        await reader.read()
        ended.set()
        writer.write_eof()

    async with serving(tmp_path / "s", serve), door(tmp_path / "s", theirs) as port:
        stream = await TcpRoute(parse("far", f"tcp://127.0.0.1:{port}", ours)).open()
        answer = len(await stream.read(1))
        await stream.write_eof()
        await asyncio.wait_for(ended.wait(), 10)
        while data := await stream.read(65536):
            answer += len(data)
        await stream.close()
    assert answer == 200_000


async def test_a_stream_that_is_cut_has_not_ended(tmp_path: Path) -> None:
    ours, theirs = certificates(tmp_path / "pki")

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        assert theirs.cert is not None
        context.load_cert_chain(theirs.cert, theirs.key)
        stream = TlsStream(reader, writer, context, None)
        await stream.handshake()
        await stream.write(b"half of it")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        stream = await TcpRoute(parse("far", f"tcp://127.0.0.1:{port}", ours)).open()
        assert await stream.read(100) == b"half of it"
        with pytest.raises(LinkError, match="broke"):
            await stream.read(100)
        await stream.close()


async def test_an_engine_of_another_authority_is_not_trusted(tmp_path: Path) -> None:
    ours, _ = certificates(tmp_path / "ours")
    _, theirs = certificates(tmp_path / "theirs")
    async with tls_client(tmp_path / "e.sock", theirs, ours) as far:
        with pytest.raises(TlsFailed, match="not trusted"):
            await far.ping()


async def test_the_certificate_has_to_be_for_the_name(tmp_path: Path) -> None:
    ours, theirs = certificates(tmp_path / "pki", "192.0.2.1")
    async with tls_client(tmp_path / "e.sock", theirs, ours) as far:
        with pytest.raises(TlsFailed, match="not trusted: IP address mismatch"):
            await far.ping()


async def test_a_client_without_the_right_certificate_is_refused(tmp_path: Path) -> None:
    ours, theirs = certificates(tmp_path / "ours")
    revoked, _ = certificates(tmp_path / "other")
    wrong = replace(revoked, ca=ours.ca)
    async with engine(tmp_path / "e.sock"), door(tmp_path / "e.sock", theirs) as port:
        for files in (wrong, TlsFiles(ours.ca, None, None)):
            async with client(parse("far", f"tcp://127.0.0.1:{port}", files)) as far:
                with pytest.raises(TlsFailed, match="refuses this client's certificate"):
                    await far.ping()
                with pytest.raises(TlsFailed, match="refuses this client's certificate"):
                    await far.containers.attach("web")


def test_certificates_that_cannot_be_used(tmp_path: Path) -> None:
    bad = tmp_path / "ca.pem"
    bad.write_text("nothing of the kind")
    with pytest.raises(TlsFailed, match="cannot be used") as caught:
        tls_context(TlsFiles(bad, None, None))
    assert str(tmp_path) in caught.value.hint


async def test_nothing_listens() -> None:
    async with client(parse("far", f"tcp://127.0.0.1:{free_port()}")) as far:
        with pytest.raises(EngineUnreachable, match="Nothing answers at port"):
            await far.ping()
        with pytest.raises(EngineUnreachable, match="Nothing answers at port"):
            await far.containers.attach("web")


async def test_a_name_that_is_not_known() -> None:
    async with client(parse("far", "tcp://nowhere.invalid:2376")) as far:
        with pytest.raises(EngineUnreachable, match=r"“nowhere\.invalid” cannot be found"):
            await far.ping()
