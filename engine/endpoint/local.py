"""The client's side of a connection: an asyncio protocol that reads like a stream.

asyncio's own StreamReader copies every byte twice and cannot tell a client that has ended its direction
(half-close, which Docker's attach needs) from one that has gone. A protocol also fits Windows, where the transport
is a pipe.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from typing import cast

from vm.guest.buffered import BufferedStream
from vm.host import end_direction, has_left

READ_BUFFER = 256 * 1024
"""Bytes read ahead of the relay before the client has to wait; the kernel's buffer comes on top."""

WRITE_BUFFER = 256 * 1024
"""Bytes the transport may hold for a client that reads slowly, before the relay has to wait."""

RESET = struct.pack("ii", 1, 0)
"""SO_LINGER's value (socket(7)) for which close sends RST, not FIN; Windows reads two shorts, of four bytes."""


class LocalStream(BufferedStream, asyncio.Protocol):
    """One accepted connection; a :class:`vm.guest.stream.Stream` whose errors are ``ConnectionError``.

    At most one task reads and one writes at a time.
    """

    def __init__(self, accepted: Callable[[LocalStream], None]) -> None:
        super().__init__()
        self._accepted = accepted
        self._transport: asyncio.Transport | None = None
        self._eof = False
        self._paused = False
        self._lost: Exception | None = None
        self._writable = True
        self._eof_sent = False
        self.gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the client has left altogether, or we have closed; what it had sent stays readable."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the connection is closed."""

    # -- asyncio.Protocol -----------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is none of asyncio's classes
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER)
        self._accepted(self)

    def data_received(self, data: bytes) -> None:
        self._put(data)
        if self.buffered > READ_BUFFER and not self._paused and self._transport is not None:
            self._paused = True
            self._transport.pause_reading()

    def eof_received(self) -> bool:
        self._eof = True
        self._reader.wake()
        if self.hung_up() and not self.gone.done():
            self.gone.set_result(None)
        return True  # keep the other direction

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._writer.wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost = exc or ConnectionResetError("the connection is closed")
        self._wake_both()
        for future in (self.gone, self.ended):
            if not future.done():
                future.set_result(None)

    # -- the Stream -----------------------------------------------------------------------------------------------

    def _at_end(self) -> bool:
        if not self._eof:
            self._check()
        return self._eof

    def _was_read(self, size: int) -> None:
        if (
            self._paused
            and self.buffered <= READ_BUFFER // 2
            and self._lost is None
            and self._transport is not None
        ):
            self._paused = False
            self._transport.resume_reading()

    async def write(self, data: bytes) -> None:
        """Send ``data``; returns when the transport's buffer has room again.

        :raise ConnectionError: the client is gone
        """
        self._check()
        assert self._transport is not None
        self._transport.write(data)
        while not self._writable:
            self._check()
            await self._writer.wait()
        self._check()

    def say(self, data: bytes) -> None:
        """Send a few bytes without waiting, also while another task writes: an answer between two of the guest's.

        :raise ConnectionError: the client is gone
        """
        self._check()
        assert self._transport is not None
        self._transport.write(data)

    async def write_eof(self) -> None:
        """End our direction once what was written has gone out. Idempotent. :raise ConnectionError: client gone"""
        if self._eof_sent:
            return
        self._check()
        assert self._transport is not None
        self._eof_sent = True
        await end_direction(self._transport)

    async def close(self) -> None:
        """Drop the connection once what was written has gone out, which a client that does not read delays.

        Idempotent, never raises.
        """
        if self._transport is not None:
            self._transport.close()
            await asyncio.wait((self.ended,))

    def end_soon(self) -> None:
        """Drop the connection once what was written has gone out, and do not wait for that."""
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        """Drop the connection and what has not gone out yet."""
        if self._transport is not None:
            self._transport.abort()

    def reset(self) -> None:
        """Drop the connection so that over TCP it does not look like a clean end; a Unix socket only ends."""
        sock = self._transport.get_extra_info("socket") if self._transport is not None else None
        if sock is not None and sock.family in (socket.AF_INET, socket.AF_INET6):
            with contextlib.suppress(OSError):  # it has been closed, or the client has reset it already
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        self.abort()

    def hung_up(self) -> bool:
        """True when the client has closed its socket altogether, which an EOF alone does not tell."""
        return self.gone.done() or (self._transport is not None and has_left(self._transport))

    def _check(self) -> None:
        if self._lost is not None:
            raise ConnectionResetError(str(self._lost)) from self._lost
