"""An error in the shape every Docker client shows: an HTTP/1.1 answer with ``{"message": …}``.

The request is read before it is answered, and what is still arriving afterwards is read away for a moment: a
socket closed with unread bytes in it makes the client report "connection reset" instead of the message.
"""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass

from vm.errors import EngineError, UserError
from vm.guest.stream import Stream

HEAD_LIMIT = 64 * 1024
"""Bytes of a request's head to wait for; longer ones are answered anyway."""

HEAD_SECONDS = 5.0
LINGER_SECONDS = 2.0
LINGER_LIMIT = 64 * 1024 * 1024

_REASONS = {400: "Bad Request", 500: "Internal Server Error", 502: "Bad Gateway", 503: "Service Unavailable"}


@dataclass(frozen=True)
class Refusal:
    """What a client is answered instead of the engine's answer.

    :ivar status: of HTTP: 400 for a request that is refused, 500 for a bug of ours, 502 when the engine does not
        accept a connection, 503 while it is not available.
    """

    status: int
    error: UserError

    @classmethod
    def of(cls, error: Exception) -> Refusal:
        """The answer to a request whose check has failed with ``error``, of whatever type.

        An :class:`~vm.errors.EngineError` refuses the request itself; any other :class:`~vm.errors.UserError` says
        that something it needs is not available. What is neither is a bug; the caller logs it.
        """
        if isinstance(error, EngineError):
            return cls(400, error)
        if isinstance(error, UserError):
            return cls(503, error)
        return cls(
            500,
            UserError(
                f"Slipway could not serve this request: an internal error ({type(error).__name__})",
                "See the log: slipway logs --source supervisor",
            ),
        )

    def encode(self, with_body: bool = True, *, close: bool) -> bytes:
        """The bytes of the answer. To HEAD the same headers, no body (RFC 9110 section 9.3.2).

        :param close: whether the connection ends with it.
        """
        message, hint = self.error.message, self.error.hint
        text = f"{message.rstrip('.')}. {hint}" if hint else message
        body = json.dumps({"message": text}).encode() + b"\n"
        head = (
            f"HTTP/1.1 {self.status} {_REASONS[self.status]}\r\n"
            "Content-Type: application/json\r\n"
            f"Content-Length: {len(body)}\r\n"
        ) + ("Connection: close\r\n\r\n" if close else "\r\n")
        return head.encode() + (body if with_body else b"")


async def refuse(client: Stream, refusal: Refusal) -> None:
    """Answer the client's request with ``refusal``, and end the connection. Never takes over 7 s.

    :raise ConnectionError: the client is gone
    """
    head = await _read_head(client)
    await client.write(refusal.encode(with_body=not head.startswith(b"HEAD "), close=True))
    await client.write_eof()
    await drain(client)


async def _read_head(client: Stream) -> bytes:
    head = b""
    try:
        async with asyncio.timeout(HEAD_SECONDS):
            while b"\r\n\r\n" not in head and len(head) < HEAD_LIMIT:
                data = await client.read(HEAD_LIMIT)
                if not data:
                    break
                head += data
    except TimeoutError:
        pass  # half a request is answered as well
    return head


async def drain(client: Stream) -> None:
    """Read away what is still arriving, for up to 2 s. :raise ConnectionError: the client is gone"""
    left = LINGER_LIMIT
    try:
        async with asyncio.timeout(LINGER_SECONDS):
            while left > 0 and (data := await client.read(HEAD_LIMIT)):
                left -= len(data)
    except TimeoutError:
        pass  # it has had time to read the answer
