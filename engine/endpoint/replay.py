"""The engine's side of a connection that outlives an engine which ends before it has answered.

A dockerd that restarts, or a machine that dies at the wrong moment, takes along a connection that has just been
made. Where all that has gone to it is one request which changes nothing (GET or HEAD, RFC 9110 section 9.2.1), the
request is sent again over a new stream, as HTTP's clients may (section 9.2.2). Any other is answered with an error
(admission/filter.py).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from engine.endpoint.admission.framing import HEAD_END
from vm.errors import LinkError
from vm.guest.stream import Stream

log = logging.getLogger(__name__)

MOST = 3
"""Attempts after the first; each waits for the engine as a new connection does."""

LARGEST = 64 * 1024
"""Bytes of a request that are kept for another attempt."""

METHODS = (b"GET ", b"HEAD ")
UPGRADE = b"\r\nupgrade:"


class ReplayedStream:
    """A :class:`vm.guest.stream.Stream`. At most one task reads and one writes at a time.

    :param reopen: opens another stream to the engine, or raises LinkError.
    """

    def __init__(self, stream: Stream, reopen: Callable[[], Awaitable[Stream]]) -> None:
        self._stream = stream
        self._reopen = reopen
        self._sent: bytearray | None = bytearray()  # None: it is not sent again, whatever happens
        self._ended = False
        self._left = MOST
        self._changing = asyncio.Lock()

    async def read(self, limit: int) -> bytes:
        """Return up to ``limit`` bytes; ``b""`` at the end. :raise LinkError: the stream was cut."""
        while True:
            failure = LinkError("The engine has ended the connection before it answered")
            try:
                data = await self._stream.read(limit)
            except LinkError as error:
                failure = error
                if not self._replayable():
                    raise
            else:
                if data or not self._replayable():
                    self._sent = None
                    return data
            await self._replay(failure)

    async def write(self, data: bytes) -> None:
        """Send ``data``. :raise LinkError: the engine reads no more, and gets it no other way."""
        async with self._changing:
            if self._sent is not None:
                self._sent += data
                if len(self._sent) > LARGEST:
                    self._sent = None
            try:
                await self._stream.write(data)
            except LinkError:
                if not self._replayable():
                    raise

    async def write_eof(self) -> None:
        """End our direction. Idempotent. :raise LinkError: the stream was cut."""
        async with self._changing:
            self._ended = True
            try:
                await self._stream.write_eof()
            except LinkError:
                if not self._replayable():
                    raise

    async def close(self) -> None:
        """Drop both directions at once. Idempotent, never raises."""
        await self._stream.close()

    def _replayable(self) -> bool:
        """Whether nothing has gone to the engine but one whole request that changes nothing."""
        sent = self._sent
        if sent is None or not self._left or not sent.startswith(METHODS):
            return False
        end = HEAD_END.search(sent)
        head = bytes(sent).lower()
        return end is not None and end.end() == len(sent) and UPGRADE not in head

    async def _replay(self, failure: LinkError) -> None:
        """:raise LinkError: there is no other stream in time."""
        self._left -= 1
        log.info("a request is sent again: %s", failure.message)
        async with self._changing:
            await self._stream.close()
            self._stream = await self._reopen()
            assert self._sent is not None  # it is replayable
            await self._stream.write(bytes(self._sent))
            if self._ended:
                await self._stream.write_eof()
