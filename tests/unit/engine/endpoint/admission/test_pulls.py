"""The answer to a pull: only its error is changed, whatever the pieces in which it arrives."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.endpoint import Endpoint, GuestRoute
from engine.endpoint.admission import Admission, AdmittedStream, PlatformAdvice, Unchecked
from engine.endpoint.admission.framing import Answer, Head
from engine.endpoint.admission.pulls import ERROR_LIMIT, Pull, PullAnswer, pull
from engine.endpoint.local import LocalStream
from engine.endpoint.route import Route
from tests.unit.carriers import MemoryCarrier
from tests.unit.engine.endpoint.admission.stage import BAD, CREATE, OK, PING, Guest, Stage, discard, inspect, sized
from tests.unit.engine.endpoint.admission.test_filter_properties import Mark, Wire

WORDS = "no matching manifest for linux/amd64 in the manifest list entries"
ADVICE = "This image is for “Windows”."
TOLD = f"{WORDS}. {ADVICE}"
PULL = b"POST /v1.51/images/create?fromImage=app&tag=1 HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n"

STREAM = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
LINES = (b'{"status":"Pulling from app","id":"1"}\r\n', b'{"status":"e\xc3\xa9","progressDetail":{}}\r\n')
END = b"0\r\n\r\n"


def error_line(text: str, ending: bytes = b"\r\n") -> bytes:
    return json.dumps({"errorDetail": {"message": text}, "error": text}, separators=(",", ":")).encode() + ending


def chunks(*lines: bytes) -> bytes:
    return b"".join(b"%x\r\n%s\r\n" % (len(line), line) for line in lines)


def refused(text: str, status: bytes = b"404 Not Found") -> bytes:
    body = json.dumps({"message": text}).encode() + b"\n"
    head = b"HTTP/1.1 %s\r\nApi-Version: 1.51\r\nContent-Length: %d\r\nDate: now\r\n\r\n" % (status, len(body))
    return head + body


FAILED = STREAM + chunks(*LINES, error_line(WORDS)) + END
REFUSED = refused(WORDS)


async def advise(wanted: Pull, text: str) -> str:
    return ADVICE if text == WORDS else ""


async def passed(pieces: list[bytes]) -> bytes:
    answer = PullAnswer(Pull("app:1"), advise)
    return b"".join([await answer.take(piece) for piece in pieces]) + answer.rest()


def decoded(answer: bytes) -> bytes:
    """The content of chunks. :raise UnclearError: they are none"""
    body = Head.parse(b"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n").body()
    assert body.take(answer, 0, keep=True) == len(answer)
    assert body.done
    return bytes(body.content)


def assert_told(answer: bytes) -> None:
    """The stream's error has the advice, and nothing else has changed."""
    before = STREAM + chunks(*LINES)
    assert answer.startswith(before)
    *_, line = decoded(answer[len(STREAM) :]).splitlines(keepends=True)
    assert line.endswith(b"}\r\n")
    assert json.loads(line) == {"errorDetail": {"message": TOLD, "hint": ADVICE}, "error": TOLD}
    assert answer.endswith(b"\r\n" + END)


def test_an_error_in_the_stream_cut_at_every_place() -> None:
    for place in range(len(FAILED) + 1):
        assert_told(asyncio.run(passed([FAILED[:place], FAILED[place:]])))
    assert_told(asyncio.run(passed([bytes([one]) for one in FAILED])))


def test_an_error_before_any_output_cut_at_every_place() -> None:
    for place in range(len(REFUSED) + 1):
        answer = asyncio.run(passed([REFUSED[:place], REFUSED[place:]]))
        head, _, body = answer.partition(b"\r\n\r\n")
        assert json.loads(body) == {"message": TOLD, "hint": ADVICE}
        assert body.endswith(b"}\n")
        size = len(REFUSED.partition(b"\r\n\r\n")[2])
        wanted = REFUSED.partition(b"\r\n\r\n")[0].replace(b": %d\r\n" % size, b": %d\r\n" % len(body))
        assert head == wanted


@pytest.mark.parametrize(
    "answer",
    [
        STREAM + chunks(*LINES) + END,
        STREAM + chunks(error_line("no space left on device")) + END,
        STREAM + chunks(LINES[0] + error_line(WORDS)) + END,
        STREAM + chunks(error_line(WORDS) + LINES[0]) + END,
        STREAM + chunks(error_line(WORDS)[:20], error_line(WORDS)[20:]) + END,
        STREAM + chunks(b'{"errorDetail":[]}\r\n', b'{"errorDetail":{"message":1}}\n', b'{"errorDetail":') + END,
        STREAM + chunks(error_line("x" * (ERROR_LIMIT + 1))) + END,
        STREAM + b"zz\r\n" + error_line(WORDS),
        STREAM + b"40;note=1\r\n" + error_line(WORDS),
        refused("denied", b"403 Forbidden"),
        refused(WORDS, b"200 OK"),
        REFUSED.replace(b"{", b"["),
        REFUSED[:-5],
        b"HTTP/1.1 404 Not Found\r\n\r\n" + error_line(WORDS),
        b"HTTP/1.1 101 Switching\r\nContent-Length: 5\r\n\r\n" + REFUSED,
        b"no HTTP\r\n\r\n" + REFUSED,
        b"x" * 100_000,
    ],
)
def test_what_passes_as_it_is(answer: bytes) -> None:
    assert asyncio.run(passed([answer])) == answer
    assert asyncio.run(passed([answer[place : place + 7] for place in range(0, len(answer), 7)])) == answer


async def test_progress_is_not_kept() -> None:
    answer = PullAnswer(Pull("app:1"), advise)
    assert await answer.take(STREAM) == STREAM
    begun = b'2000\r\n{"status"'
    assert await answer.take(begun) == begun  # no error: what has come of a chunk passes at once
    assert await answer.take(b"x" * 100) == b"x" * 100


ERROR = error_line(WORDS)
some_lines = st.sampled_from([*LINES, ERROR, error_line("other")])


@given(
    st.lists(some_lines | st.binary(min_size=1, max_size=40)),
    st.lists(st.integers(1, 60), max_size=30),
)
def test_the_content_is_the_same_but_for_the_advice(lines: list[bytes], sizes: list[int]) -> None:
    """Whatever the lines and the pieces; where nothing is added, the bytes on the wire are the same."""
    sent = STREAM + chunks(*lines) + END
    pieces, place = [], 0
    for size in sizes:
        pieces.append(sent[place : place + size])
        place += size
    answer = asyncio.run(passed([*pieces, sent[place:]]))
    assert answer.startswith(STREAM)
    if ERROR not in lines:
        assert answer == sent
    told = b'{"errorDetail":{"message":%s,"hint":%s},"error":%s}\r\n' % tuple(
        json.dumps(text).encode() for text in (TOLD, ADVICE, TOLD)
    )
    assert decoded(answer[len(STREAM) :]) == b"".join(
        told if line == error_line(WORDS) else line for line in lines
    )


@given(st.binary(max_size=300), st.integers(1, 50))
def test_any_bytes_pass(data: bytes, step: int) -> None:
    for begun in (b"", STREAM, b"HTTP/1.1 404 Not Found\r\nContent-Length: 20\r\n\r\n"):
        sent = begun + data
        pieces = [sent[place : place + step] for place in range(0, len(sent), step)]
        assert asyncio.run(passed(pieces)) == sent


@pytest.mark.parametrize(
    ("target", "image", "platform"),
    [
        (b"/v1.51/images/create?fromImage=app&tag=1", "app:1", ""),
        (b"/images/create?fromImage=app&tag=sha256%3Aab&platform=linux%2Farm64", "app@sha256:ab", "linux/arm64"),
        (b"http://d/v1.51/images/create?fromImage=r.example%3A5000%2Fme%2Fapp%3A2", "r.example:5000/me/app:2", ""),
    ],
)
def test_what_is_pulled(target: bytes, image: str, platform: str) -> None:
    head = Head.parse(b"POST %s HTTP/1.1\r\nX-Registry-Auth: e30=\r\n\r\n" % target)
    assert pull(head) == Pull(image, platform, "e30=")


@pytest.mark.parametrize(
    "line",
    [
        b"POST /images/create?fromSrc=-",
        b"POST /images/create",
        b"GET /images/create?fromImage=app",
        b"POST /images/app/push?fromImage=app",
        b"POST /containers/create?fromImage=app",
    ],
)
def test_what_is_no_pull(line: bytes) -> None:
    assert pull(Head.parse(line + b" HTTP/1.1\r\n\r\n")) is None


# -- on its way through the endpoint ------------------------------------------------------------------------------


class Known(PlatformAdvice):
    """Knows what to do at once. :ivar asked: the images."""

    def __init__(self) -> None:
        self.asked: list[Pull] = []
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def advise(self, route: Route, pull: Pull, error: str) -> str:
        self.asked.append(pull)
        await self.go_on.wait()
        return await advise(pull, error)


@pytest.fixture
def known() -> Known:
    return Known()


@pytest.fixture
async def stage(known: Known) -> AsyncIterator[Stage]:
    guest = Guest()
    with tempfile.TemporaryDirectory(prefix="slw-") as folder:
        endpoint = Endpoint(Path(folder) / "d.sock", admission=Unchecked(), advice=known)
        await endpoint.start()
        endpoint.open_gate(GuestRoute(MemoryCarrier(guest), "/run/docker.sock"))
        reader, writer = await asyncio.open_unix_connection(str(endpoint.path))
        yield Stage(endpoint, None, guest, reader, writer)  # type: ignore[arg-type] # nothing is checked here
        writer.transport.abort()
        await endpoint.close()


async def test_the_connection_stays_usable(stage: Stage, known: Known) -> None:
    for _ in range(2):
        stage.guest.answer = FAILED
        stage.writer.write(PULL)
        assert_told(await asyncio.wait_for(stage.reader.readuntil(END), 10))
        stage.guest.answer = OK
        assert await stage.ask(PING) == OK
    assert known.asked == [Pull("app:1")] * 2
    assert await stage.end() == (PULL + PING) * 2


async def test_the_client_may_end_its_direction_first(stage: Stage) -> None:
    stage.guest.answer = FAILED
    stage.writer.write(PULL)
    stage.writer.write_eof()
    assert_told(await asyncio.wait_for(stage.reader.read(), 10))


async def test_the_answer_to_another_request_is_left_alone(stage: Stage, known: Known) -> None:
    stage.guest.answer = REFUSED
    assert await stage.ask(PING) == REFUSED
    assert known.asked == []


async def test_a_client_that_leaves_meanwhile(stage: Stage, known: Known) -> None:
    known.go_on.clear()
    stage.guest.answer = FAILED
    stage.writer.write(PULL)
    while not known.asked:
        await asyncio.sleep(0)
    stage.writer.transport.abort()
    async with asyncio.timeout(10):
        while stage.endpoint.connections:
            await asyncio.sleep(0.01)


async def test_the_next_request_waits_for_the_whole_answer() -> None:
    """What is answered here must not come in the middle of an error that is still kept."""
    client, wire, known = LocalStream(lambda _: None), Wire(), Known()
    client.connection_made(wire)

    async def refuse(wanted: Pull, text: str) -> str:
        return await known.advise(None, wanted, text)  # type: ignore[arg-type] # it is not asked

    stream = AdmittedStream(client, Admission([Mark()], inspect, discard), advise=refuse)
    client.data_received(PULL + sized(CREATE, BAD))
    assert await stream.read(1 << 20) == PULL
    known.go_on.clear()
    answering = asyncio.create_task(stream.write(REFUSED))
    reading = asyncio.create_task(stream.read(1 << 20))
    while not known.asked:
        await asyncio.sleep(0)
    assert stream.unanswered
    assert wire.sent == b""
    known.go_on.set()
    await answering
    client.eof_received()
    assert await reading == b""
    follower = Answer(b"POST")
    follower.take(bytes(wire.sent))
    assert follower.over
    assert wire.sent.startswith(b"HTTP/1.1 404 ")
    assert wire.sent.count(b"HTTP/1.1 400 ") == 1
    assert wire.sent.index(b"HTTP/1.1 400 ") > wire.sent.index(ADVICE[:14].encode())


async def test_what_was_kept_goes_out_when_the_engine_ends() -> None:
    client, wire = LocalStream(lambda _: None), Wire()
    client.connection_made(wire)
    stream = AdmittedStream(client, Unchecked(), advise=advise)
    client.data_received(PULL)
    await stream.read(1 << 20)
    cut = FAILED[: FAILED.index(b"errorDetail") + 40]
    await stream.write(cut)
    assert wire.sent == STREAM + chunks(*LINES)
    await stream.write_eof()
    assert wire.sent == cut


async def test_an_answer_of_which_nothing_went_out_counts_as_none() -> None:
    client, wire = LocalStream(lambda _: None), Wire()
    client.connection_made(wire)
    stream = AdmittedStream(client, Unchecked(), advise=advise)
    client.data_received(PULL)
    await stream.read(1 << 20)
    await stream.write(REFUSED[:-5])
    assert stream.unanswered
    await stream.write_eof()
    assert wire.sent.startswith(b"HTTP/1.1 502 ")
