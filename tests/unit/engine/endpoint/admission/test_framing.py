"""Where heads and bodies of requests end, for any cut of the bytes, and for bytes that are no request."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.endpoint.admission.framing import HEAD_END, Body, Head, UnclearError, may_be_request

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


@settings(deadline=None)
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


@settings(deadline=None)
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


@settings(deadline=None)
@given(st.one_of(st.binary(max_size=200), heads, damaged()))
def test_any_bytes_are_a_head_or_not(raw: bytes) -> None:
    try:
        head = Head.parse(raw)
    except UnclearError:
        return
    assert head.size is None or head.size >= 0
    assert head.raw == raw


@settings(deadline=None)
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


@settings(deadline=None)
@given(st.sampled_from([CREATE + b"\r\n", b"GET /_ping HTTP/1.1\r\n\r\n"]), st.integers(1, 200))
def test_the_beginning_of_a_request_is_recognised(request_: bytes, cut: int) -> None:
    assert may_be_request(request_[:cut])


@settings(deadline=None)
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


def test_what_is_no_request() -> None:
    for other in (b"get / ", b"PRI * HTTP/2", b"GET  /", b"\x16\x03", b"GET / HTTP/1.1\n", b"X" * 20, b"{"):
        assert not may_be_request(other), other
