"""One stream of the fast link: bytes in order, each direction ending by itself, with a window of its own."""

from __future__ import annotations

import asyncio
from typing import Protocol

from vm.errors import LinkError
from vm.guest.buffered import BufferedStream

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


class LinkStream(BufferedStream):
    """A :class:`vm.guest.stream.Stream` whose errors are :class:`~vm.errors.LinkError`.

    :ivar answered: done with the guest's answer: None when the stream is open, else the reason why not.
    """

    def __init__(self, wire: Wire, identity: int) -> None:
        super().__init__()
        self.identity = identity
        self.answered: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
        self._wire = wire
        self._ended = False  # the guest's direction
        self._eof_sent = False
        self._deaf = False
        self._closed = False
        self._failure: LinkError | None = None

    @property
    def over(self) -> bool:
        """Whether both directions have ended."""
        return self._closed or (self._ended and (self._eof_sent or self._deaf))

    # -- called by the link --------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Bytes have come."""
        if not self._closed:
            self._put(data)

    def end(self) -> None:
        """The guest has ended its direction."""
        self._ended = True
        self._reader.wake()

    def deafen(self) -> None:
        """The guest takes no more; what it sent stays good."""
        self._deaf = True
        self._writer.wake()

    def lose(self, failure: LinkError) -> None:
        """The stream was cut."""
        if self._failure is None and not self._closed:
            self._failure = failure
            self._drop()
        if not self.answered.done():
            self.answered.set_result(f"{failure.message} {failure.detail}".strip())
        self._wake_both()

    def widened(self) -> None:
        """The guest may be sent more."""
        self._writer.wake()

    # -- the Stream -----------------------------------------------------------------------------------------------

    def _at_end(self) -> bool:
        if self._failure is not None:
            raise self._failure.copy()
        return self._ended or self._closed

    def _was_read(self, size: int) -> None:
        self._wire.taken(self.identity, size)

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
                await self._writer.wait()
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
        self._wake_both()

    def _drop(self) -> None:
        """What has come will not be read; the connection's own window counts it all the same."""
        size = self._throw_away()
        if size > 0:
            self._wire.taken(self.identity, size)

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure.copy()
        if self._closed or self._eof_sent:
            raise LinkError("The stream has been ended")
        if self._deaf:
            raise LinkError("The machine stopped reading this stream")
