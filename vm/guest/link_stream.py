"""One stream of the fast link: bytes in order, each direction ending by itself, with a window of its own."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Protocol

from vm.errors import LinkError

TURN = 64 * 1024
"""Bytes a stream sends before the others have their turn."""


class Wire(Protocol):
    """What carries a stream: the link's HTTP/2 connection."""

    def send(self, identity: int, data: bytes, *, last: bool = False) -> int:
        """Queue as much of ``data`` as the windows allow; returns how much that was. ``last`` ends our direction.

        :raise LinkError: the link or the stream is gone.
        """
        ...

    def taken(self, identity: int, size: int) -> None:
        """The reader has taken ``size`` bytes: the guest may send as many more."""
        ...

    def reset(self, identity: int) -> None:
        """End both directions at once."""
        ...

    async def room(self) -> None:
        """Wait until the connection takes more. :raise LinkError: it is gone."""
        ...


class LinkStream:
    """A :class:`vm.guest.stream.Stream`. At most one task reads and one writes at a time.

    :ivar answered: done with the guest's answer: None when the stream is open, else the reason why not.
    """

    def __init__(self, wire: Wire, identity: int) -> None:
        self.identity = identity
        self.answered: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._wire = wire
        self._chunks: deque[bytes] = deque()
        self._ended = False  # the guest's direction
        self._eof_sent = False
        self._deaf = False
        self._closed = False
        self._failure: LinkError | None = None
        self._reader: asyncio.Future[None] | None = None
        self._writer: asyncio.Future[None] | None = None

    @property
    def over(self) -> bool:
        """Whether both directions have ended."""
        return self._closed or (self._ended and (self._eof_sent or self._deaf))

    # -- called by the link --------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Bytes have come."""
        if data and not self._closed:
            self._chunks.append(data)
            _wake(self._reader)

    def end(self) -> None:
        """The guest has ended its direction."""
        self._ended = True
        _wake(self._reader)

    def deafen(self) -> None:
        """The guest takes no more; what it sent stays good."""
        self._deaf = True
        _wake(self._writer)

    def lose(self, failure: LinkError) -> None:
        """The stream was cut."""
        if self._failure is None and not self._closed:
            self._failure = failure
            self._drop()
        if not self.answered.done():
            self.answered.set_result(f"{failure.message} {failure.detail}".strip())
        _wake(self._reader)
        _wake(self._writer)

    def widened(self) -> None:
        """The guest may be sent more."""
        _wake(self._writer)

    # -- the Stream -----------------------------------------------------------------------------------------------

    async def read(self, limit: int) -> bytes:
        """Return up to ``limit`` bytes; ``b""`` once the guest has ended its direction.

        :raise LinkError: the stream was cut.
        """
        while not self._chunks:
            if self._failure is not None:
                raise self._failure.copy()
            if self._ended or self._closed:
                return b""
            self._reader = asyncio.get_running_loop().create_future()
            try:
                await self._reader
            finally:
                self._reader = None
        data = self._chunks.popleft()
        if len(data) > limit:
            self._chunks.appendleft(data[limit:])
            data = data[:limit]
        self._wire.taken(self.identity, len(data))
        return data

    async def write(self, data: bytes) -> None:
        """Send all of ``data``; returns when the link has taken it.

        :raise LinkError: the stream was cut, or the guest takes no more.
        """
        rest = memoryview(data)
        while rest:
            self._check()
            sent = self._wire.send(self.identity, bytes(rest[:TURN]))
            rest = rest[sent:]
            if sent == 0:
                self._writer = asyncio.get_running_loop().create_future()
                try:
                    await self._writer
                finally:
                    self._writer = None
            else:
                await self._wire.room()

    async def write_eof(self) -> None:
        """End our direction. Idempotent. :raise LinkError: the stream was cut."""
        if self._eof_sent or self._deaf:
            return
        self._check()
        self._eof_sent = True
        self._wire.send(self.identity, b"", last=True)

    async def close(self) -> None:
        """Drop both directions at once. Idempotent, never raises."""
        if self._closed:
            return
        self._drop()
        if not self.over and self._failure is None:
            self._wire.reset(self.identity)
        self._closed = True
        _wake(self._reader)
        _wake(self._writer)

    def _drop(self) -> None:
        """What has come will not be read; the connection's own window counts it all the same."""
        size = sum(map(len, self._chunks))
        self._chunks.clear()
        if size > 0:
            self._wire.taken(self.identity, size)

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure.copy()
        if self._closed or self._eof_sent:
            raise LinkError("The stream has been ended")
        if self._deaf:
            raise LinkError("The machine stopped reading this stream")


def _wake(waiter: asyncio.Future[None] | None) -> None:
    if waiter is not None and not waiter.done():
        waiter.set_result(None)
