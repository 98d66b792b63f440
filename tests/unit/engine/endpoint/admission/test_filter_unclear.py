"""Requests that two servers could understand in two ways are refused."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.engine.endpoint.admission.stage import (
    BAD,
    CREATE,
    FINE,
    PING,
    Stage,
    chunked,
    message,
    sized,
)
from tests.unit.sshd import eventually


@pytest.mark.parametrize(
    "first",
    [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"CONNECT a:1 HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01 no http at all",
        b"\r\n" + PING,
        b"GET  /x HTTP/1.1\r\n\r\n",
        b"GET /x HTTP/1.2\r\n\r\n",
        b"GET x HTTP/1.1\r\n\r\n",
        b"POST /containers/%6 HTTP/1.1\r\n\r\n",
        b"PUT /x HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
        b"PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"PUT /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n",
        b"PUT /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"PUT /x HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"PUT /x HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
        b"PUT /x HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"PUT /x HTTP/1.1\r\nContent-Length : 1\r\n\r\n",
        b"PUT /x HTTP/1.1\r\nX: a\r\n folded: b\r\n\r\n",
        b"PUT /x HTTP/1.1\r\nX: a\rContent-Length: 5\r\n\r\n",
        b"PUT /x HTTP/1.1\r\nX: a\0\r\n\r\n",
        b"PUT /x HTTP/1.1\r\nno field\r\n\r\n",
        b"GET /" + b"x" * 1_100_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
async def test_is_refused_and_nothing_after_it_is_looked_at(stage: Stage, first: bytes) -> None:
    stage.writer.write(first + sized(CREATE, BAD) + sized(CREATE, FINE))
    stage.writer.write_eof()
    answer = await asyncio.wait_for(stage.reader.read(), 10)
    assert answer.startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert b"Connection: close\r\n" in answer
    assert message(answer).startswith("Slipway does not understand this request: ")
    assert bytes(stage.guest.got) == b""
    assert stage.check.created == []


@pytest.mark.parametrize("head", [CREATE, b"PUT /x HTTP/1.1\r\n"])
@pytest.mark.parametrize("body", [b"not a size\r\n", b"1\r\nab\r\n", b"-1\r\n", b"1" * 20 + b"\r\n"])
async def test_nor_after_a_body_without_a_clear_end(stage: Stage, head: bytes, body: bytes) -> None:
    stage.writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n")
    if head != CREATE:
        await eventually(lambda: bool(stage.guest.got))
    stage.writer.write(body + sized(CREATE, FINE))
    stage.writer.write_eof()
    answer = await asyncio.wait_for(stage.reader.read(), 10)
    assert answer.startswith(b"HTTP/1.1 400 ") is (head == CREATE)  # else the engine answers, which has the head
    assert b"containers/create" not in bytes(stage.guest.got)
    assert stage.check.created == []


@pytest.mark.parametrize(
    "request_", [chunked(CREATE, FINE, *[b"   "] * 1000), CREATE + b"Content-Length: 1001\r\n\r\n"]
)
async def test_a_body_too_large_is_refused(stage: Stage, request_: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.endpoint.admission.filter.BODY_LIMIT", 1000)
    stage.writer.write(request_)
    answer = await asyncio.wait_for(stage.reader.read(), 10)
    assert message(answer).startswith("Slipway does not understand this request: it is larger than")
    assert bytes(stage.guest.got) == b""


@pytest.mark.parametrize("cut", [1, 5, 40, len(CREATE) + 10, len(sized(CREATE, BAD)) - 1])
async def test_a_request_that_is_never_completed_does_not_reach_the_engine(stage: Stage, cut: int) -> None:
    stage.writer.write(sized(CREATE, BAD)[:cut])
    assert await stage.end() == b""


@pytest.mark.parametrize("cut", [60, 70])
async def test_but_what_there_is_of_an_upload_does(stage: Stage, cut: int) -> None:
    request = sized(b"PUT /containers/x/archive HTTP/1.1\r\nHost: d\r\n", b"x" * 100)
    stage.writer.write(request[:cut])
    assert await stage.end() == (request[:cut] if cut > request.index(b"\r\n\r\n") else b"")
