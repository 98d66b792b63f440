"""Requests on their way through the endpoint: a few are judged, changed or refused, all others are untouched."""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.endpoint import Endpoint
from engine.endpoint.framing import HEAD_END, Body, Head, UnclearError, may_be_request
from engine.endpoint.rewrite import Request
from tests.unit.carriers import MemoryCarrier, MemoryStream
from tests.unit.sshd import eventually
from vm.errors import EngineError

CREATE = b"POST /v1.51/containers/create?name=x HTTP/1.1\r\nHost: d\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PING = b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"


def sized(head: bytes, body: bytes) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(head: bytes, *pieces: bytes) -> bytes:
    chunks = b"".join(b"%x;note=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nTrailer: x\r\n\r\n"


@dataclass
class Judge:
    """Notes the bodies; refuses those with “bad” in them, and makes “old” into “brand new”."""

    seen: list[bytes] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)

    async def __call__(self, request: Request) -> bytes:
        body = request.body
        self.seen.append(body)
        self.requests.append(request)
        await asyncio.sleep(0)
        if b"bad" in body:
            raise EngineError("This is bad", "Do better.")
        return body.replace(b"old", b"brand new")


@dataclass
class Guest:
    """Answers each piece it gets, and remembers all bytes."""

    got: bytearray = field(default_factory=bytearray)
    answer: bytes = OK

    async def __call__(self, stream: MemoryStream) -> None:
        while data := await stream.read(1 << 20):
            self.got += data
            await stream.write(self.answer)
        await stream.write_eof()


@dataclass
class Stage:
    """A client connected through an endpoint with a judge."""

    judge: Judge
    guest: Guest
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, request: bytes) -> bytes:
        """Send it, and read one answer with a body of known length."""
        self.writer.write(request)
        return await self.answer()

    async def answer(self) -> bytes:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)
        size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return head + await self.reader.readexactly(size)

    async def end(self) -> bytes:
        """End the client's direction; all that has come to the guest."""
        self.writer.write_eof()
        await asyncio.wait_for(self.reader.read(), 10)
        return bytes(self.guest.got)


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    judge, guest = Judge(), Guest()
    with tempfile.TemporaryDirectory(prefix="slw-") as folder:
        endpoint = Endpoint(Path(folder) / "d.sock", judge=judge)
        await endpoint.start()
        endpoint.open_gate(MemoryCarrier(guest), "/run/docker.sock")
        reader, writer = await asyncio.open_unix_connection(str(endpoint.path))
        yield Stage(judge, guest, reader, writer)
        writer.transport.abort()
        await endpoint.close()


@pytest.mark.parametrize("frame", [sized, chunked])
async def test_a_judged_request_goes_on_as_it_came(stage: Stage, frame: type) -> None:
    request = frame(CREATE, b'{"Image": "fine"}')
    assert await stage.ask(request) == OK
    assert await stage.end() == request
    assert stage.judge.seen == [b'{"Image": "fine"}']


@pytest.mark.parametrize("request_", [sized(CREATE, b'{"a": "old"}'), chunked(CREATE, b'{"a": "o', b'ld"}')])
async def test_or_with_another_body(stage: Stage, request_: bytes) -> None:
    assert await stage.ask(request_) == OK
    body = b'{"a": "brand new"}'
    assert await stage.end() == CREATE + b"Content-Length: %d\r\n\r\n" % len(body) + body


async def test_a_refusal_leaves_the_connection_usable(stage: Stage) -> None:
    assert await stage.ask(PING) == OK
    for _ in range(3):
        answer = await stage.ask(sized(CREATE, b"bad"))
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"close" not in answer
        assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"message": "This is bad. Do better."}
        assert await stage.ask(PING) == OK
        assert await stage.ask(sized(CREATE, b"good")) == OK
    assert await stage.end() == PING + (PING + sized(CREATE, b"good")) * 3


@pytest.mark.parametrize(
    "request_", [PING, chunked(CREATE, b"bad"), chunked(CREATE, b"o", b"ld"), sized(CREATE, b"x")]
)
async def test_in_the_smallest_pieces(stage: Stage, request_: bytes) -> None:
    for place in range(len(request_)):
        stage.writer.write(request_[place : place + 1])
        await stage.writer.drain()
        await asyncio.sleep(0)
    answer = await stage.answer()
    assert answer.startswith(b"HTTP/1.1 400") is (b"bad" in request_)
    if request_ == PING:
        assert await stage.end() == PING
    else:
        assert len(stage.judge.seen) == 1


@pytest.mark.parametrize(
    "first",
    [
        b"POST /v1.51/containers/x/attach?stream=1 HTTP/1.1\r\nHost: d\r\n\r\n",
        b"POST /exec/x/start HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}",
        b"POST /session HTTP/1.1\r\nHost: d\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        b"POST /v1.51/exec/x/start HTTP/1.1\r\nUPGRADE: tcp\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /_ping HTTP/1.0\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01 no http at all",
        b"GET /x HTTP/1.1\nHost: d\n\n",
        b"PUT /x HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnot a size\r\n",
        b"PUT /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"GET /" + b"x" * 70000 + b" HTTP/1.1\r\n\r\n",
    ],
)
async def test_after_what_is_not_plain_http_nothing_is_looked_at(stage: Stage, first: bytes) -> None:
    await stage.ask(first)
    stage.writer.write(sized(CREATE, b"bad"))
    assert await stage.end() == first + sized(CREATE, b"bad")
    assert stage.judge.seen == []


async def test_nor_before_the_last_answer(stage: Stage) -> None:
    """An answer of ours would come out of turn."""
    stage.writer.write(PING + sized(CREATE, b"bad"))
    assert await stage.end() == PING + sized(CREATE, b"bad")
    assert stage.judge.seen == []


async def test_a_body_too_large_passes_unseen(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.endpoint.rewrite.BODY_LIMIT", 1000)
    for request in (sized(CREATE, b"bad" * 1000), chunked(CREATE, *[b"bad"] * 1000)):
        stage.guest.got.clear()
        stage.writer.write(request[:2000])
        await asyncio.sleep(0.05)
        stage.writer.write(request[2000:])
    assert (await stage.end()).endswith(request)
    assert stage.judge.seen == []


@pytest.mark.parametrize("cut", [1, 5, 40, len(CREATE) + 10, len(sized(CREATE, b"bad")) - 1])
async def test_a_request_that_is_never_completed_reaches_the_engine(stage: Stage, cut: int) -> None:
    stage.writer.write(sized(CREATE, b"bad")[:cut])
    assert await stage.end() == sized(CREATE, b"bad")[:cut]


async def test_who_waits_for_100_continue_gets_it_from_the_engine(stage: Stage) -> None:
    stage.guest.answer = b"HTTP/1.1 100 Continue\r\n\r\n"
    head = CREATE + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    stage.writer.write(head)
    assert await asyncio.wait_for(stage.reader.readuntil(b"\r\n\r\n"), 5) == stage.guest.answer
    stage.writer.write(b"okay")
    assert await stage.end() == head + b"okay"


# -- framing ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(20))
def test_a_body_ends_where_it_ends(seed: int) -> None:
    """Cut into pieces anywhere, with what follows in the last one."""
    rng = random.Random(seed)
    pieces = [rng.randbytes(rng.randrange(1, 60)) for _ in range(rng.randrange(5))]
    for request in (chunked(b"PUT / HTTP/1.1\r\n", *pieces), sized(b"PUT / HTTP/1.1\r\n", b"".join(pieces))):
        end = HEAD_END.search(request)
        assert end is not None
        body = Head.parse(request[: end.end()]).body()
        wire, place = request[end.end() :] + b"GET /next", 0
        while not body.done:
            step = rng.randrange(1, 30)
            place += body.take(wire[place : place + step], 0, keep=True)
        assert wire[place:] == b"GET /next"
        assert bytes(body.content) == b"".join(pieces)


@pytest.mark.parametrize(
    "wire", [b"xyz\r\n", b"\r\n", b"-1\r\n", b"1\r\nab\r\n", b"f" * 20 + b"\r\n", b"1" * 5000]
)
def test_what_is_no_chunk(wire: bytes) -> None:
    with pytest.raises(UnclearError):
        Body(None).take(wire, 0)


def test_the_beginning_of_a_request() -> None:
    for cut in range(1, len(CREATE)):
        assert may_be_request(CREATE[:cut]), CREATE[:cut]
    for other in (b"get / ", b"PRI * HTTP/2", b"GET  /", b"\x16\x03", b"GET / HTTP/1.1\n", b"X" * 20, b"{"):
        assert not may_be_request(other), other


@pytest.mark.parametrize("what", ["start", "restart?t=0", "start?detachKeys=x"])
@pytest.mark.parametrize("body", [b"", b"{}"])
async def test_a_start_is_looked_at_and_passed_on_as_it_is(stage: Stage, what: str, body: bytes) -> None:
    request = sized(f"POST /v1.51/containers/a%20web/{what} HTTP/1.1\r\nHost: d\r\n".encode(), body)
    assert await stage.ask(request) == OK
    (seen,) = stage.judge.requests
    assert (seen.container, seen.body, seen.over.done()) == ("a web", body, True)
    assert await stage.end() == request


async def test_a_request_is_over_when_it_is_answered_or_its_client_has_left(stage: Stage) -> None:
    stage.guest.answer = b""
    stage.writer.write(b"POST /containers/web/start HTTP/1.1\r\nHost: d\r\n\r\n")
    await eventually(lambda: bool(stage.guest.got))
    (seen,) = stage.judge.requests
    assert not seen.over.done()
    stage.writer.transport.abort()
    await eventually(seen.over.done)


async def test_a_request_that_is_refused_is_over(stage: Stage) -> None:
    await stage.ask(sized(CREATE, b"bad"))
    (seen,) = stage.judge.requests
    assert seen.container == ""
    assert seen.over.done()
