"""Requests on their way through the endpoint: a few are checked, changed or refused, all others are untouched."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.endpoint import Endpoint, GuestRoute
from engine.endpoint.admission import Admission, Step
from engine.endpoint.admission.pipeline import JsonObject
from tests.unit.carriers import MemoryCarrier, MemoryStream
from tests.unit.sshd import eventually
from vm.errors import EngineError, LinkError
from vm.state import MachineState, StateError

CREATE = b"POST /v1.51/containers/create?name=x HTTP/1.1\r\nHost: d\r\n"
START = b"POST /v1.51/containers/web/start HTTP/1.1\r\nHost: d\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PING = b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"
BAD = b'{"Image": "bad"}'
OLD = b'{"Image": "old"}'
FINE = b'{"Image": "fine"}'


def sized(head: bytes, body: bytes) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(head: bytes, *pieces: bytes) -> bytes:
    chunks = b"".join(b"%x;note=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nTrailer: x\r\n\r\n"


@dataclass
class Check(Step):
    """Notes what it is given; refuses the image “bad”, and makes “old” into “brand new”."""

    created: list[JsonObject] = field(default_factory=list)
    started: list[tuple[JsonObject, asyncio.Future[None]]] = field(default_factory=list)
    error: Exception | None = None
    waits: bool = False

    async def create(self, body: JsonObject) -> JsonObject:
        self.created.append(body)
        await self._trouble()
        if body.get("Image") == "bad":
            raise EngineError("This is bad", "Do better.")
        return {"Image": "brand new"} if body.get("Image") == "old" else body

    async def start(self, container: JsonObject, over: asyncio.Future[None]) -> None:
        self.started.append((container, over))
        await self._trouble()

    async def _trouble(self) -> None:
        await asyncio.sleep(0)
        while self.waits:
            await asyncio.sleep(0.01)
        if self.error is not None:
            raise self.error


async def inspect(name: str) -> JsonObject:
    return {"Name": name}


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
    """A client connected through an endpoint with one step of admission."""

    endpoint: Endpoint
    check: Check
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


def message(answer: bytes) -> str:
    text: str = json.loads(answer.partition(b"\r\n\r\n")[2])["message"]
    return text


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    check, guest = Check(), Guest()
    with tempfile.TemporaryDirectory(prefix="slw-") as folder:
        endpoint = Endpoint(Path(folder) / "d.sock", admission=Admission([check], inspect))
        await endpoint.start()
        endpoint.open_gate(GuestRoute(MemoryCarrier(guest), "/run/docker.sock"))
        reader, writer = await asyncio.open_unix_connection(str(endpoint.path))
        yield Stage(endpoint, check, guest, reader, writer)
        writer.transport.abort()
        await endpoint.close()


@pytest.mark.parametrize("frame", [sized, chunked])
@pytest.mark.parametrize(
    "body", [FINE, b'{ "Image":"fine" , "N":1.0e3, "U":"\\u00e4" }\n', b"no json", b"[]", b""]
)
async def test_a_request_that_is_not_changed_goes_on_as_it_came(stage: Stage, frame: type, body: bytes) -> None:
    request = frame(CREATE, body)
    assert await stage.ask(request) == OK
    assert await stage.end() == request


@pytest.mark.parametrize("request_", [sized(CREATE, OLD), chunked(CREATE, OLD[:12], OLD[12:])])
async def test_or_with_another_body(stage: Stage, request_: bytes) -> None:
    assert await stage.ask(request_) == OK
    body = b'{"Image": "brand new"}'
    assert await stage.end() == CREATE + b"Content-Length: %d\r\n\r\n" % len(body) + body


async def test_a_refusal_leaves_the_connection_usable(stage: Stage) -> None:
    assert await stage.ask(PING) == OK
    for _ in range(3):
        answer = await stage.ask(sized(CREATE, BAD))
        assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
        assert b"close" not in answer
        assert message(answer) == "This is bad. Do better."
        assert await stage.ask(PING) == OK
        assert await stage.ask(sized(CREATE, FINE)) == OK
    assert await stage.end() == PING + (PING + sized(CREATE, FINE)) * 3


@pytest.mark.parametrize(
    "request_", [PING, chunked(CREATE, BAD), chunked(CREATE, OLD[:3], OLD[3:]), sized(CREATE, FINE)]
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
        assert len(stage.check.created) == 1


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
    stage.writer.write(sized(CREATE, BAD))
    assert await stage.end() == first + sized(CREATE, BAD)
    assert stage.check.created == []


async def test_nor_before_the_last_answer(stage: Stage) -> None:
    """An answer of ours would come out of turn."""
    stage.writer.write(PING + sized(CREATE, BAD))
    assert await stage.end() == PING + sized(CREATE, BAD)
    assert stage.check.created == []


async def test_a_body_too_large_passes_unseen(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.endpoint.admission.filter.BODY_LIMIT", 1000)
    for request in (sized(CREATE, BAD + b" " * 3000), chunked(CREATE, BAD, *[b"   "] * 1000)):
        stage.guest.got.clear()
        stage.writer.write(request[:2000])
        await asyncio.sleep(0.05)
        stage.writer.write(request[2000:])
    assert (await stage.end()).endswith(request)
    assert stage.check.created == []


@pytest.mark.parametrize("cut", [1, 5, 40, len(CREATE) + 10, len(sized(CREATE, BAD)) - 1])
async def test_a_request_that_is_never_completed_reaches_the_engine(stage: Stage, cut: int) -> None:
    stage.writer.write(sized(CREATE, BAD)[:cut])
    assert await stage.end() == sized(CREATE, BAD)[:cut]


async def test_100_continue_comes_from_the_engine(stage: Stage) -> None:
    stage.guest.answer = b"HTTP/1.1 100 Continue\r\n\r\n"
    head = CREATE + b"Expect: 100-continue\r\nContent-Length: 4\r\n\r\n"
    stage.writer.write(head)
    assert await asyncio.wait_for(stage.reader.readuntil(b"\r\n\r\n"), 5) == stage.guest.answer
    stage.writer.write(b"okay")
    assert await stage.end() == head + b"okay"


@pytest.mark.parametrize("what", ["start", "restart?t=0", "start?detachKeys=x"])
@pytest.mark.parametrize("body", [b"", b"{}", BAD])
async def test_a_start_is_looked_at_and_passed_on_as_it_is(stage: Stage, what: str, body: bytes) -> None:
    request = sized(f"POST /v1.51/containers/a%20web/{what} HTTP/1.1\r\nHost: d\r\n".encode(), body)
    assert await stage.ask(request) == OK
    ((container, over),) = stage.check.started
    assert container == {"Name": "a web"}
    assert over.done()
    assert await stage.end() == request


async def test_a_start_is_over_when_its_client_has_left(stage: Stage) -> None:
    stage.guest.answer = b""
    stage.writer.write(START)
    await eventually(lambda: bool(stage.guest.got))
    ((_, over),) = stage.check.started
    assert not over.done()
    stage.writer.transport.abort()
    await eventually(over.done)


# -- errors -------------------------------------------------------------------------------------------------------

PAUSED = StateError("be reached", MachineState.PAUSED, frozenset({MachineState.RUNNING}))


@pytest.mark.parametrize("request_", [sized(CREATE, FINE), START])
@pytest.mark.parametrize(
    ("error", "status", "wanted"),
    [
        (EngineError("It is refused", "Do better."), 400, "It is refused. Do better."),
        (LinkError("The link is down", "Wait."), 503, "The link is down. Wait."),
        (PAUSED, 503, "The machine cannot be reached while it is paused. It must be running first."),
    ],
)
async def test_an_error_of_a_step_is_the_answer(
    stage: Stage, request_: bytes, error: Exception, status: int, wanted: str
) -> None:
    stage.check.error = error
    answer = await stage.ask(request_)
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert message(answer) == wanted
    stage.check.error = None
    assert await stage.ask(request_) == OK
    assert await stage.end() == request_


@pytest.mark.parametrize("request_", [sized(CREATE, FINE), START])
@pytest.mark.parametrize(
    "error", [KeyError("x"), RecursionError(), TimeoutError(), ConnectionResetError(), OSError()]
)
async def test_so_is_one_that_is_not_foreseen_and_it_is_logged(
    stage: Stage, request_: bytes, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    stage.check.error = error
    answer = await stage.ask(request_)
    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert f"an internal error ({type(error).__name__}). See the log" in message(answer)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    assert all(over.done() for _, over in stage.check.started)
    assert await stage.ask(PING) == OK
    assert await stage.end() == PING


@pytest.mark.parametrize("request_", [sized(CREATE, FINE), START])
async def test_a_step_that_does_not_end_is_answered(
    stage: Stage, request_: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.endpoint.admission.filter.CHECK_SECONDS", 0.1)
    stage.check.waits = True
    assert (await stage.ask(request_)).startswith(b"HTTP/1.1 500 ")
    stage.check.waits = False
    assert await stage.ask(request_) == OK


@pytest.mark.parametrize("request_", [sized(CREATE, FINE), START])
async def test_a_shut_gate_is_the_answer_on_connections_that_have_passed_it(stage: Stage, request_: bytes) -> None:
    """The machine is paused, say: the engine would never answer."""
    assert await stage.ask(PING) == OK
    stage.endpoint.shut(EngineError("The machine is paused", "Resume it: slipway start"))
    answer = await stage.ask(request_)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert message(answer) == "The machine is paused. Resume it: slipway start"
    assert not stage.check.created
    assert not stage.check.started
    stage.endpoint.hold("the machine is being resumed")
    assert await stage.ask(request_) == OK
    assert await stage.end() == PING + request_


async def test_a_stop_is_the_answer_and_not_what_it_breaks(stage: Stage) -> None:
    stage.check.waits = True
    stage.writer.write(sized(CREATE, FINE))
    await eventually(lambda: bool(stage.check.created))
    stage.endpoint.shut(EngineError("Slipway is stopping", "Start it: slipway start"))
    stage.check.error, stage.check.waits = LinkError("The link broke"), False
    assert message(await stage.answer()) == "Slipway is stopping. Start it: slipway start"


async def test_json_that_is_nested_too_deeply_is_refused(stage: Stage) -> None:
    for body in (b"[" * 200_000, b'{"a":' * 200_000 + b"1" + b"}" * 200_000):
        answer = await stage.ask(sized(CREATE, body))
        assert answer.startswith(b"HTTP/1.1 400 ")
        assert message(answer) == "The request's JSON is nested too deeply"
    assert await stage.ask(PING) == OK
    assert await stage.end() == PING


@pytest.mark.parametrize("request_", [sized(CREATE, FINE), START])
async def test_a_client_that_leaves_ends_the_check_of_its_request(stage: Stage, request_: bytes) -> None:
    """The container must not be made later, when nothing waits for it any more."""
    stage.check.waits = True
    stage.writer.write(request_)
    await eventually(lambda: bool(stage.check.created or stage.check.started))
    stage.writer.transport.abort()
    await eventually(lambda: stage.endpoint.connections == 0)
    assert all(over.done() for _, over in stage.check.started)
    assert bytes(stage.guest.got) == b""


async def test_a_guest_that_ends_ends_the_check_of_a_request(stage: Stage) -> None:
    stage.check.waits = True
    stage.writer.write(START)
    await eventually(lambda: bool(stage.check.started))
    await stage.endpoint.close()
    assert await stage.reader.read() == b""
    assert all(over.done() for _, over in stage.check.started)
