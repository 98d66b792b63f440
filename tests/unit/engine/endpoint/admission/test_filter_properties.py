"""Whatever a client sends, in whatever pieces: the engine gets what was checked, and nothing else."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from engine.endpoint.admission import Admission, AdmittedStream, Step
from engine.endpoint.admission.documents import JsonObject
from engine.endpoint.admission.framing import HEAD_END, Head
from engine.endpoint.admission.requests import Checked, Kind, checked
from engine.endpoint.local import LocalStream
from vm.errors import EngineError


class Wire(asyncio.Transport):
    """The client's transport; keeps what the client is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        pass

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Mark(Step):
    """Marks what it has seen; refuses the image “bad”."""

    async def create_container(self, body: JsonObject) -> None:
        if body.get("Image") == "bad":
            raise EngineError("bad")
        body["Seen"] = True


async def inspect(name: str) -> JsonObject:
    return {}


async def discard(identity: str) -> None:
    raise AssertionError("nothing is removed here")


BODIES = (b"", b"{}", b'{"Image": "x"}', b"[]", b'{"Image": "bad"}')
HEADS = (
    b"POST /containers/create HTTP/1.1\r\n",
    b"POST /v1.51/containers/create?name=x HTTP/1.1\r\nHost: d\r\n",
    b"POST /containers/%63reate HTTP/1.1\r\nUpgrade: tcp\r\n",
    b"POST http://d/containers/create HTTP/1.0\n",
    b"POST /containers/x/start HTTP/1.1\r\n",
    b"POST /images/load HTTP/1.1\r\n",
    b"GET /_ping HTTP/1.1\r\n",
    b"POST /exec/x/start HTTP/1.1\r\nUpgrade: tcp\r\n",
)


def framed(head: bytes, body: bytes, chunks: int) -> bytes:
    """:param chunks: so many bytes in each chunk; 0: a body of known size"""
    if not chunks:
        return head + b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
    pieces = [body[place : place + chunks] for place in range(0, len(body), chunks)]
    wire = b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces)
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + wire + b"0\r\n\r\n"


requests = st.builds(framed, st.sampled_from(HEADS), st.sampled_from(BODIES), st.integers(0, 20))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A request with some bytes put in place of others."""
    raw = draw(requests)
    place = draw(st.integers(0, len(raw)))
    return raw[:place] + draw(st.binary(max_size=3)) + raw[place + draw(st.integers(0, 3)) :]


def understood(data: bytes) -> list[tuple[Head, bytes]]:
    """The requests in what the engine gets, as it understands them; the last one may be cut off."""
    found = []
    while (end := HEAD_END.search(data)) is not None:
        head = Head.parse(data[: end.end()])
        body = head.body()
        place = body.take(data, end.end(), keep=True)
        found.append((head, bytes(body.content)))
        if not body.done:
            break
        data = data[place:]
    return found


async def through(arriving: Sequence[bytes], limit: int) -> tuple[bytes, bytes]:
    """What the engine gets of these pieces, each request answered, and what the client does, which then ends."""
    client, wire = LocalStream(lambda _: None), Wire()
    client.connection_made(wire)
    stream = AdmittedStream(client, Admission([Mark()], inspect, discard))
    for piece in arriving:
        client.data_received(piece)
    client.eof_received()
    got, answered = b"", 0
    async with asyncio.timeout(20):
        while data := await stream.read(limit):
            assert len(data) <= limit
            got += data
            while answered < len(understood(got)):
                answered += 1
                await stream.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    return got, bytes(wire.sent)


def cut(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    places = [0]
    for size in sizes:
        places.append(places[-1] + size)
    return [
        data[start:end] for start, end in zip(places, [*places[1:], len(data)], strict=True) if start < len(data)
    ]


@given(
    st.lists(st.one_of(requests, damaged(), st.binary(max_size=100)), max_size=4),
    st.lists(st.integers(1, 60), max_size=20),
    st.sampled_from([1, 100, 1 << 18]),
)
def test_nothing_reaches_the_engine_unseen(sent: list[bytes], sizes: list[int], limit: int) -> None:
    got, _ = asyncio.run(through(cut(b"".join(sent), sizes), limit))
    for head, body in understood(got):
        request = checked(head)
        if request is not None and request.kind is Kind.CREATE_CONTAINER and body not in (b"", b"[]"):
            found = json.loads(body)
            assert not isinstance(found, dict) or found["Seen"] is True
            assert found.get("Image") != "bad"


@given(
    st.lists(requests.filter(lambda one: b"/1.0" not in one), max_size=4),
    st.lists(st.integers(1, 60), max_size=20),
    st.sampled_from([1, 1 << 18]),
)
def test_every_request_is_answered_in_its_turn(sent: list[bytes], sizes: list[int], limit: int) -> None:
    got, told = asyncio.run(through(cut(b"".join(sent), sizes), limit))
    whole = [understood(one)[0] for one in sent]
    refused = [b'"bad"' in body and checked(head) == Checked(Kind.CREATE_CONTAINER) for head, body in whole]
    statuses = re.findall(rb"HTTP/1\.1 (...) ", told)
    assert statuses == [b"400" if one else b"404" for one in refused]
    wanted = [head.target for (head, _), one in zip(whole, refused, strict=True) if not one]
    assert [head.target for head, _ in understood(got)] == wanted
