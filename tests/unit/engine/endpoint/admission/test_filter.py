"""Requests on their way through the endpoint: a few are checked, changed or refused, all others are untouched."""

from __future__ import annotations

import asyncio

import pytest

from engine.endpoint.admission.framing import Answer
from tests.unit.engine.endpoint.admission.stage import (
    BAD,
    CREATE,
    FINE,
    OK,
    OLD,
    PING,
    START,
    Stage,
    chunked,
    message,
    sized,
)
from tests.unit.sshd import eventually
from vm.errors import EngineError


@pytest.mark.parametrize("frame", [sized, chunked])
@pytest.mark.parametrize("head", [CREATE, b"PUT /v1.51/containers/x/archive?path=/ HTTP/1.1\r\nHost: d\r\n"])
@pytest.mark.parametrize("body", [FINE, b""])
async def test_a_request_that_is_not_changed_says_the_same(
    stage: Stage, frame: type, head: bytes, body: bytes
) -> None:
    request = frame(head, body)
    assert await stage.ask(request) == OK
    assert await stage.end() == (sized(CREATE, body) if head == CREATE else request)


@pytest.mark.parametrize("request_", [sized(CREATE, OLD), chunked(CREATE, OLD[:12], OLD[12:])])
async def test_or_goes_on_with_another_body(stage: Stage, request_: bytes) -> None:
    assert await stage.ask(request_) == OK
    assert await stage.end() == sized(CREATE, b'{"Image": "brand new"}')


@pytest.mark.parametrize("body", [b"no json", b"{", b'{"Image": "bad"'])
async def test_what_is_no_json_is_refused(stage: Stage, body: bytes) -> None:
    answer = await stage.ask(sized(CREATE, body))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert message(answer).startswith("The request's JSON is malformed")
    assert await stage.ask(PING) == OK
    assert await stage.end() == PING


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
    "head",
    [
        b"POST /v1.51/containers/create HTTP/1.0\r\n",
        b"POST /containers/create HTTP/1.1\r\nConnection: close\r\n",
        b"POST /containers/create HTTP/1.1\r\nConnection: x, Close\r\n",
    ],
)
async def test_and_ends_it_where_the_engine_would(stage: Stage, head: bytes) -> None:
    stage.writer.write(sized(head, BAD) + PING)
    answer = await asyncio.wait_for(stage.reader.read(), 10)
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert message(answer) == "This is bad. Do better."
    assert bytes(stage.guest.got) == b""


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
    "request_",
    [
        sized(b"POST http://docker/v1.51/containers/create HTTP/1.1\r\nHost: d\r\n", BAD),
        sized(b"POST /containers/%63reate HTTP/1.1\r\nHost: d\r\n", BAD),
        sized(b"POST /containers/create HTTP/1.1\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n", BAD),
        sized(b"POST /containers/create HTTP/1.1\nHost: d\n", BAD),
        sized(
            b"POST /containers/create HTTP/1.1\r\nCONTENT-length: 16\r\nhost:d\r\n", BAD + b" " * (16 - len(BAD))
        ),
        sized(CREATE, b'{"image": "x", "Image": "bad", "Labels": {"x": "' + b"y" * 5_000_000 + b'"}}'),
    ],
    ids=["absolute", "encoded", "upgrade", "bare line ends", "twice the same length", "large"],
)
async def test_the_same_in_other_ways(stage: Stage, request_: bytes) -> None:
    assert message(await stage.ask(request_)) == "This is bad. Do better."
    assert await stage.end() == b""


async def test_a_body_that_waits_to_be_asked_for(stage: Stage) -> None:
    """The client's ``Expect: 100-continue`` is answered here, since the engine is asked later."""
    for body in (BAD, OLD):
        stage.writer.write(CREATE + b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
        go_on = await asyncio.wait_for(stage.reader.readuntil(b"\r\n\r\n"), 5)
        assert go_on == b"HTTP/1.1 100 Continue\r\n\r\n"
        answer = await stage.ask(body)
        assert (answer == OK) is (body == OLD)
    assert await stage.end() == sized(CREATE, b'{"Image": "brand new"}')


async def test_of_other_requests_it_is_the_engines(stage: Stage) -> None:
    stage.guest.answer = b"HTTP/1.1 100 Continue\r\n\r\n" + OK
    request = sized(b"POST /images/load HTTP/1.1\r\nHost: d\r\nExpect: 100-continue\r\n", b"okay")
    stage.writer.write(request)
    assert (await asyncio.wait_for(stage.reader.readuntil(b"\r\n\r\n"), 5)).startswith(b"HTTP/1.1 100 ")
    assert await stage.answer() == OK
    assert message(await stage.ask(sized(CREATE, BAD))) == "This is bad. Do better."
    assert await stage.end() == request


# -- connections that are no requests any more --------------------------------------------------------------------

ATTACH = b"POST /v1.51/containers/x/attach?stream=1 HTTP/1.1\r\nHost: d\r\n"
UPGRADE = b"Upgrade: tcp\r\nConnection: Upgrade\r\n\r\n"


@pytest.mark.parametrize(
    ("request_", "answer"),
    [
        (ATTACH + UPGRADE, b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\n"),
        (ATTACH + b"\r\n", b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n"),
        (sized(b"POST /exec/x/start HTTP/1.1\r\nHost: d\r\n", b"{}"), b"HTTP/1.1 200 OK\r\n\r\n"),
        (b"POST /session HTTP/1.1\r\nHost: d\r\nUpgrade: h2c\r\n\r\n", b"HTTP/1.1 101 Switching\r\n\r\n"),
    ],
)
@pytest.mark.parametrize("early", [True, False])
async def test_bytes_pass_once_the_engine_has_upgraded(
    stage: Stage, request_: bytes, answer: bytes, early: bool
) -> None:
    stage.guest.answer, stage.guest.upgrades = answer, True
    sent = sized(CREATE, BAD) + b"\0\xff no http"
    stage.writer.write(request_ + sent if early else request_)
    assert await asyncio.wait_for(stage.reader.readexactly(len(answer)), 5) == answer
    if not early:
        stage.writer.write(sent)
    assert await asyncio.wait_for(stage.reader.readexactly(len(sent)), 5) == sent
    assert await stage.end() == request_ + sent
    assert stage.check.created == []


@pytest.mark.parametrize(
    "first",
    [
        ATTACH + UPGRADE,
        b"POST /session HTTP/1.1\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n",
        sized(b"POST /exec/x/start HTTP/1.1\r\n", b"{}"),
        b"GET /_ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
    ],
)
async def test_but_not_where_it_has_only_been_asked_to(stage: Stage, first: bytes) -> None:
    """Such as the attach to a container that does not exist: the connection stays as it was."""
    stage.guest.answer = b"HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"
    stage.writer.write(first + sized(CREATE, BAD))
    assert (await stage.answer()).startswith(b"HTTP/1.1 404 ")
    assert message(await stage.answer()) == "This is bad. Do better."
    assert await stage.end() == first


@pytest.mark.parametrize("size", [70_000, 1_000_000])
@pytest.mark.parametrize("early", [True, False])
async def test_nor_after_a_long_answer(stage: Stage, size: int, early: bool) -> None:
    """A path with ``//`` comes back in the Location of a redirect, and the engine keeps the connection."""
    request = b"GET //" + b"a" * size + b" HTTP/1.1\r\nHost: d\r\n\r\n"
    moved = b"HTTP/1.1 301 Moved Permanently\r\nLocation: /" + b"a" * size + b"\r\nContent-Length: 0\r\n\r\n"
    stage.guest.answer = moved
    stage.writer.write(request + sized(CREATE, BAD) if early else request)
    assert await asyncio.wait_for(stage.reader.readexactly(len(moved)), 10) == moved
    if not early:
        stage.writer.write(sized(CREATE, BAD))
    assert message(await stage.answer()) == "This is bad. Do better."
    assert await stage.end() == request


@pytest.mark.parametrize(
    "answer",
    [
        b"no answer of HTTP at all\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno field\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n",
        b"HTTP/1.1 301 Moved Permanently\r\nLocation: /" + b"a" * Answer.HEAD_LIMIT + b"\r\n\r\n",
    ],
    ids=["no HTTP", "no field", "no chunk", "too long"],
)
@pytest.mark.parametrize("early", [True, False])
async def test_after_an_answer_whose_end_is_not_clear_no_request_passes(
    stage: Stage, answer: bytes, early: bool
) -> None:
    stage.guest.answer = answer
    stage.writer.write(PING + sized(CREATE, FINE) if early else PING)
    assert await asyncio.wait_for(stage.reader.readexactly(len(answer)), 10) == answer
    if not early:
        stage.writer.write(sized(CREATE, FINE))
    assert await asyncio.wait_for(stage.reader.read(), 10) == b""
    assert bytes(stage.guest.got) == PING
    assert stage.check.created == []


async def test_requests_that_do_not_wait_are_answered_in_their_order(stage: Stage) -> None:
    stage.writer.write(PING + sized(CREATE, BAD) + sized(CREATE, OLD) + chunked(CREATE, BAD) + PING)
    assert await stage.answer() == OK
    assert message(await stage.answer()) == "This is bad. Do better."
    assert await stage.answer() == OK
    assert message(await stage.answer()) == "This is bad. Do better."
    assert await stage.answer() == OK
    assert await stage.end() == PING + sized(CREATE, b'{"Image": "brand new"}') + PING


async def test_and_not_before_the_one_under_way_has_ended(stage: Stage) -> None:
    stage.guest.answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n"
    stage.writer.write(PING + sized(CREATE, BAD))
    assert (await asyncio.wait_for(stage.reader.readuntil(b"ok\r\n"), 5)).endswith(b"ok\r\n")
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(stage.reader.read(1), 0.1)
    assert bytes(stage.guest.got) == PING
    stage.writer.transport.abort()
    await eventually(lambda: stage.endpoint.connections == 0)
    assert stage.check.created == []


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


# -- copies of files ----------------------------------------------------------------------------------------------

ARCHIVE = b" /v1.51/containers/a%20web/archive?path=/x HTTP/1.1\r\nHost: d\r\n"


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
async def test_a_copy_from_a_container_is_looked_at(stage: Stage, method: bytes) -> None:
    request = method + ARCHIVE + b"\r\n"
    if method == b"HEAD":
        stage.guest.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    assert await stage.ask(request) == stage.guest.answer
    assert stage.check.copied == [{"Name": "a web"}]
    stage.check.error = EngineError("This is bad", "Do better.")
    stage.writer.write(request)
    if method == b"HEAD":
        refusal = await asyncio.wait_for(stage.reader.readuntil(b"\r\n\r\n"), 5)
    else:
        refusal = await stage.answer()
        assert message(refusal) == "This is bad. Do better."
    assert refusal.startswith(b"HTTP/1.1 400 ")
    stage.check.error = None
    assert await stage.ask(request) == stage.guest.answer  # nothing of the refusal is left
    assert await stage.end() == request * 2


@pytest.mark.parametrize("frame", [sized, chunked])
async def test_a_copy_to_one_passes_as_it_comes(stage: Stage, frame: type) -> None:
    request = frame(b"PUT" + ARCHIVE, b"x" * 1000)
    stage.check.waits = True
    stage.writer.write(request[:200])
    await eventually(lambda: bool(stage.check.copied))
    assert bytes(stage.guest.got) == b""
    stage.check.waits = False
    await eventually(lambda: bytes(stage.guest.got) == request[:200])
    assert await stage.ask(request[200:]) == OK
    assert await stage.end() == request


@pytest.mark.parametrize("frame", [sized, chunked])
@pytest.mark.parametrize("sent", [0.2, 1])
async def test_or_is_refused_before_it_has_come(stage: Stage, frame: type, sent: float) -> None:
    """What follows a refusal may be the rest of the body, or not; so it is no request."""
    stage.check.error = EngineError("This is bad")
    request = frame(b"PUT" + ARCHIVE, b"x" * 1000) + sized(CREATE, FINE)
    stage.writer.write(request[: int(len(request) * sent)])
    answer = await stage.answer()
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"Connection: close\r\n" in answer
    assert message(answer) == "This is bad"
    assert await asyncio.wait_for(stage.reader.read(), 10) == b""
    assert bytes(stage.guest.got) == b""
    assert stage.check.created == []


async def test_or_is_refused_before_it_is_asked_for(stage: Stage) -> None:
    stage.check.error = EngineError("This is bad")
    answer = await stage.ask(b"PUT" + ARCHIVE + b"Expect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    assert message(answer) == "This is bad"
    assert await asyncio.wait_for(stage.reader.read(), 10) == b""
