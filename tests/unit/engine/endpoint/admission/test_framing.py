"""Where heads and bodies of requests end, for any cut of the bytes, and for bytes that are no request."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.endpoint.admission.filter import HEAD_LIMIT
from engine.endpoint.admission.framing import HEAD_END, Answer, Body, Head, UnclearError, may_be_request

CREATE = b"POST /v1.51/containers/create?name=x HTTP/1.1\r\nHost: d\r\n"

cuts = st.lists(st.integers(1, 40), min_size=1).map(lambda steps: steps * 50)
"""Sizes of the pieces in which bytes arrive."""


def in_pieces(data: bytes, sizes: Iterable[int]) -> Iterable[bytes]:
    place = 0
    for size in sizes:
        if place < len(data):
            yield data[place : place + size]
            place += size
    if place < len(data):
        yield data[place:]


@st.composite
def bodies(draw: st.DrawFn) -> tuple[bytes, bytes, bytes]:
    """A body's header, its bytes on the wire, and its content."""
    pieces = draw(st.lists(st.binary(min_size=1, max_size=60), max_size=6))
    content = b"".join(pieces)
    if draw(st.booleans()):
        return b"Content-Length: %d\r\n" % len(content), content, content
    extension = draw(st.sampled_from([b"", b";a=b", b" ; name=value"]))
    end = draw(st.sampled_from([b"\r\n", b"\n"]))
    trailers = draw(st.sampled_from([b"", b"Trailer: x" + end]))
    chunks = b"".join(b"%x%s%s%s%s" % (len(piece), extension, end, piece, end) for piece in pieces)
    return b"Transfer-Encoding: chunked\r\n", chunks + b"0" + end + trailers + end, content


@given(bodies(), cuts, st.binary(max_size=50))
def test_a_body_ends_where_it_ends(body: tuple[bytes, bytes, bytes], sizes: list[int], following: bytes) -> None:
    header, wire, content = body
    found = Head.parse(b"PUT / HTTP/1.1\r\n" + header + b"\r\n").body()
    taken = 0
    for piece in in_pieces(wire + following, sizes):
        taken += found.take(piece, 0, keep=True)
    assert found.done
    assert wire[:taken] == wire
    assert taken == len(wire)
    assert bytes(found.content) == content


@given(st.binary(max_size=300), cuts, st.sampled_from([None, 0, 1, 100]))
@example(b"0\r\n\r\n", [1], None)
@example(b"fffffffffffffff\r\n", [3], None)
def test_any_bytes_are_a_body_or_not(data: bytes, sizes: list[int], size: int | None) -> None:
    """Nothing but UnclearError, no step back, nothing beyond the data, nothing after the end."""
    body = Body(size)
    for piece in in_pieces(data, sizes):
        was_done = body.done
        try:
            place = body.take(piece, 0, keep=True)
        except UnclearError:
            assert size is None
            return
        assert 0 <= place <= len(piece)
        assert place == len(piece) or body.done
        assert not (was_done and place)
    assert len(body.content) <= len(data)


header_lines = st.lists(
    st.tuples(
        st.sampled_from(
            [b"Host", b"content-length", b"Content-Length", b"Transfer-Encoding", b"Upgrade", b"Expect"]
        ),
        st.sampled_from([b"d", b"0", b"12", b"-1", b"chunked", b"gzip, chunked", b"", b"1 2", b"9" * 30]),
    ),
    max_size=5,
)


heads = header_lines.map(lambda lines: CREATE + b"".join(b"%s: %s\r\n" % line for line in lines) + b"\r\n")


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A head with some bytes put in place of others."""
    raw = draw(heads)
    place = draw(st.integers(0, len(raw)))
    return raw[:place] + draw(st.binary(max_size=3)) + raw[place + draw(st.integers(0, 3)) :]


@given(st.one_of(st.binary(max_size=200), heads, damaged()))
def test_any_bytes_are_a_head_or_not(raw: bytes) -> None:
    try:
        head = Head.parse(raw)
    except UnclearError:
        return
    assert head.size is None or head.size >= 0
    assert head.raw == raw


@given(bodies(), st.binary(max_size=100))
def test_another_body_is_framed_by_its_size(body: tuple[bytes, bytes, bytes], other: bytes) -> None:
    raw = CREATE + body[0] + b"X-Other: kept\r\n\r\n"
    changed = Head.parse(raw).with_body(other)
    end = HEAD_END.search(changed)
    assert end is not None
    head = Head.parse(changed[: end.end()])
    assert head.size == len(other)
    assert changed[end.end() :] == other
    assert head.raw.count(b"X-Other: kept") == head.raw.count(b"Host: d") == 1


@given(st.sampled_from([CREATE + b"\r\n", b"GET /_ping HTTP/1.1\r\n\r\n"]), st.integers(1, 200))
def test_the_beginning_of_a_request_is_recognised(request_: bytes, cut: int) -> None:
    assert may_be_request(request_[:cut])


@given(st.one_of(st.binary(max_size=200), damaged()))
def test_a_head_that_can_be_followed_may_be_a_request_at_every_cut(data: bytes) -> None:
    """What is given up early would not have been followed when complete."""
    for cut in range(1, len(data)):
        if not may_be_request(data[:cut]):
            with pytest.raises(UnclearError):
                Head.parse(data)
            return


@pytest.mark.parametrize(
    "wire", [b"xyz\r\n", b"\r\n", b"-1\r\n", b"1\r\nab\r\n", b"f" * 20 + b"\r\n", b"1" * 5000]
)
def test_what_is_no_chunk(wire: bytes) -> None:
    with pytest.raises(UnclearError):
        Body(None).take(wire, 0)


@pytest.mark.parametrize(
    "other",
    [b"PRI * HTTP/2", b"GET  /", b"\x16\x03", b"GET / HTTP/1.1 \n", b"X" * 40, b"{", b"\r\n", b"GET / HTTP/1.2"],
)
def test_what_is_no_request(other: bytes) -> None:
    assert not may_be_request(other)


# -- answers ------------------------------------------------------------------------------------------------------


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    header, wire, _ = draw(bodies())
    interim = draw(st.sampled_from([b"", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 102 Wait\r\nX: y\r\n\r\n"]))
    return interim + b"HTTP/1.1 200 OK\r\nServer: x\r\n" + header + b"\r\n" + wire


@given(answers(), cuts)
def test_an_answer_is_over_with_its_last_byte(wire: bytes, sizes: list[int]) -> None:
    answer = Answer(b"GET")
    for piece in in_pieces(wire[:-1], sizes):
        answer.take(piece)
        assert not answer.over
    answer.take(wire[-1:] + b"what follows is none of it")
    assert answer.over
    assert answer.begun
    assert not answer.endless


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified", b"200 OK"])
def test_answers_without_a_body(status: bytes) -> None:
    answer = Answer(b"HEAD" if status == b"200 OK" else b"POST")
    answer.take(b"HTTP/1.1 " + status + b"\r\nContent-Length: 10\r\n\r")
    assert not answer.begun
    answer.take(b"\n")
    assert answer.over


def test_an_interim_answer_is_none() -> None:
    answer = Answer(b"PUT")
    answer.take(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert not answer.begun
    assert not answer.over


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n",
    ],
)
def test_answers_without_an_end(head: bytes) -> None:
    answer = Answer(b"POST")
    for place in range(0, len(head), 10):
        answer.take(head[place : place + 10])
    assert answer.begun
    assert answer.endless
    assert not answer.over
    assert not answer.unclear


@pytest.mark.parametrize(
    "head",
    [
        b"no HTTP\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno field\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * Answer.HEAD_LIMIT,
    ],
)
def test_answers_whose_end_is_not_clear(head: bytes) -> None:
    answer = Answer(b"POST")
    for place in range(0, len(head), 1000):
        answer.take(head[place : place + 1000])
    assert answer.begun
    assert answer.unclear
    assert not answer.endless
    assert not answer.over


def test_the_longest_request_may_come_back_in_an_answer() -> None:
    answer = Answer(b"GET")
    head = b"HTTP/1.1 301 Moved Permanently\r\nLocation: /" + b"a" * HEAD_LIMIT + b"\r\nContent-Length: 2\r\n\r\n"
    for place in range(0, len(head), 1000):
        answer.take(head[place : place + 1000])
        assert not answer.settled
    answer.take(b"okHTTP/1.1")
    assert answer.over


@given(st.binary(max_size=300), cuts)
def test_any_bytes_are_an_answer_or_not(data: bytes, sizes: list[int]) -> None:
    answer = Answer(b"GET")
    for piece in in_pieces(data, sizes):
        answer.take(piece)
