"""Whatever a client sends, in whatever pieces, reaches the engine byte for byte unless a step changes it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.endpoint.admission import Admission, AdmittedStream, Step
from engine.endpoint.admission.pipeline import JsonObject
from engine.endpoint.local import LocalStream
from vm.errors import EngineError


class Wire(asyncio.Transport):
    """The client's transport; keeps what the client is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = bytearray()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.sent += data

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass


class Refuse(Step):
    """Refuses the image “bad”."""

    async def create(self, body: JsonObject) -> JsonObject:
        if body.get("Image") == "bad":
            raise EngineError("bad")
        return body


async def inspect(name: str) -> JsonObject:
    return {}


BODIES = (b"", b"{}", b'{"Image": "x"}', b"[" * 50, b"no json")
HEADS = (
    b"POST /containers/create HTTP/1.1\r\n",
    b"POST /v1.51/containers/create?name=x HTTP/1.1\r\nHost: d\r\n",
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


async def through(arriving: Sequence[bytes], *, answers: bool, limit: int) -> tuple[bytes, bytes]:
    """What the engine gets of these pieces, and what the client does, which then ends its direction."""
    client, wire = LocalStream(lambda _: None), Wire()
    client.connection_made(wire)
    stream = AdmittedStream(client, Admission([Refuse()], inspect))
    for piece in arriving:
        client.data_received(piece)
    client.eof_received()
    got = b""
    async with asyncio.timeout(20):
        while data := await stream.read(limit):
            assert len(data) <= limit
            got += data
            if answers:
                await stream.write(b".")
    return got, bytes(wire.sent)


def cut(data: bytes, sizes: Sequence[int]) -> list[bytes]:
    places = [0]
    for size in sizes:
        places.append(places[-1] + size)
    return [
        data[start:end] for start, end in zip(places, [*places[1:], len(data)], strict=True) if start < len(data)
    ]


@settings(deadline=None)
@given(
    st.lists(st.one_of(requests, st.binary(max_size=100)), max_size=4),
    st.lists(st.integers(1, 60), max_size=20),
    st.booleans(),
    st.sampled_from([1, 100, 1 << 18]),
)
def test_all_that_is_sent_arrives(sent: list[bytes], sizes: list[int], answers: bool, limit: int) -> None:
    data = b"".join(sent)
    got, _ = asyncio.run(through(cut(data, sizes), answers=answers, limit=limit))
    assert got == data


@settings(deadline=None)
@given(
    st.lists(requests, max_size=3).map(lambda found: [one for one in found if b"Upgrade" not in one]),
    st.integers(0, 20),
    st.lists(st.integers(1, 60), max_size=20),
)
def test_a_request_that_is_refused_does_not(before: list[bytes], chunks: int, sizes: list[int]) -> None:
    """Provided that the ones before it have been answered."""
    bad = framed(HEADS[0], b'{"Image": "bad"}', chunks)
    data = b"".join([*before, bad])
    got, told = asyncio.run(through(cut(data, sizes), answers=True, limit=1 << 18))
    assert got == b"".join(before)
    assert b"HTTP/1.1 400 Bad Request" in told
