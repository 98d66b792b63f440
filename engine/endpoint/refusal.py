"""An error in the shape every Docker client shows: an HTTP/1.1 answer with ``{"message": …}``.

The request is read before it is answered, and what is still arriving afterwards is read away for a moment: a
socket closed with unread bytes in it makes the client report "connection reset" instead of the message.
"""

from __future__ import annotations

import asyncio
import json

from engine.endpoint.local import LocalStream
from vm.errors import UserError

HEAD_LIMIT = 64 * 1024
"""Bytes of a request's head to wait for; longer ones are answered anyway."""

HEAD_SECONDS = 5.0
LINGER_SECONDS = 2.0
LINGER_LIMIT = 64 * 1024 * 1024

_REASONS = {400: "Bad Request", 502: "Bad Gateway", 503: "Service Unavailable"}


async def refuse(client: LocalStream, status: int, error: UserError) -> None:
    """Answer the client's request with ``status`` and ``error``, and end the connection. Never takes over 7 s.

    :raise ConnectionError: the client is gone
    """
    head = await _read_head(client)
    await client.write(answer(status, error, with_body=not head.startswith(b"HEAD ")))
    await client.write_eof()
    await _linger(client)


def answer(status: int, error: UserError, with_body: bool = True, *, close: bool = True) -> bytes:
    """The bytes of the answer. To HEAD the same headers, no body (RFC 9110 section 9.3.2).

    :param close: whether the connection ends with it.
    """
    message = f"{error.message.rstrip('.')}. {error.hint}".rstrip() if error.hint else error.message
    body = json.dumps({"message": message}).encode() + b"\n"
    head = (
        f"HTTP/1.1 {status} {_REASONS[status]}\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n"
    ) + ("Connection: close\r\n\r\n" if close else "\r\n")
    return head.encode() + (body if with_body else b"")


async def _read_head(client: LocalStream) -> bytes:
    head = b""
    try:
        async with asyncio.timeout(HEAD_SECONDS):
            while b"\r\n\r\n" not in head and len(head) < HEAD_LIMIT:
                data = await client.read(HEAD_LIMIT)
                if not data:
                    break
                head += data
    except TimeoutError:
        pass  # whoever sends half a request is answered as well
    return head


async def _linger(client: LocalStream) -> None:
    left = LINGER_LIMIT
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while left > 0 and (data := await client.read(HEAD_LIMIT)):
                left -= len(data)
    except TimeoutError:
        pass  # it has had time to read the answer
