"""SSH channels as asyncio streams: the connection protocol of RFC 4254 without threads, locks or paramiko.

``ssh.py`` owns the encrypted connection and hands every message of the connection protocol to
:meth:`Channels.dispatch` in the event loop's thread; what is to be sent goes out through a :class:`Wire`. All
state lives in that one thread, so nothing here needs a lock and nothing here blocks.

Numbers and layouts: RFC 4254 sections 4 and 5; ``direct-streamlocal@openssh.com`` and ``keepalive@openssh.com``:
OpenSSH's PROTOCOL file, section 2.4.
"""

from __future__ import annotations

import asyncio
import struct
from collections import deque
from typing import Protocol

from vm.errors import LinkError
from vm.guest.buffered import BufferedStream
from vm.tasks import fail

GLOBAL_REQUEST, REQUEST_SUCCESS, REQUEST_FAILURE = 80, 81, 82
CHANNEL_OPEN, OPEN_CONFIRMATION, OPEN_FAILURE = 90, 91, 92
WINDOW_ADJUST, CHANNEL_DATA, EXTENDED_DATA, CHANNEL_EOF, CHANNEL_CLOSE = 93, 94, 95, 96, 97
CHANNEL_REQUEST, CHANNEL_SUCCESS, CHANNEL_FAILURE = 98, 99, 100

WINDOW = 2 * 1024 * 1024
"""Bytes the guest may send on one channel before we have read them: the most one slow reader can cost."""

PACKET = 128 * 1024
"""Largest data message we accept, bytes. OpenSSH's own limit for a whole packet is 256 KiB."""

ADMINISTRATIVELY_PROHIBITED = 1


def text(value: str | bytes) -> bytes:
    """Encode a ``string`` of RFC 4251 section 5: a length and the bytes."""
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack(">I", len(raw)) + raw


def take_text(payload: bytes, offset: int) -> tuple[bytes, int]:
    """Decode a ``string`` at ``offset``; returns it and the offset behind it."""
    (length,) = struct.unpack_from(">I", payload, offset)
    end = offset + 4 + length
    if end > len(payload):
        raise struct.error("a string reaches past the end of its message")
    return payload[offset + 4 : end], end


class Wire(Protocol):
    """What channels need of the connection below them."""

    def submit(self, payload: bytes) -> None:
        """Queue one message; never blocks."""
        ...

    async def room(self) -> None:
        """Wait until the connection can take more data: the back-pressure of all channels together."""
        ...


class Channel(BufferedStream):
    """One SSH channel; a :class:`vm.guest.stream.Stream` whose errors are :class:`~vm.errors.LinkError`."""

    def __init__(self, wire: Wire, local: int) -> None:
        super().__init__()
        self.local = local
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wire = wire
        self._remote = 0
        self._allowance = WINDOW
        self._consumed = 0
        self._window = 0
        self._packet = 0
        self._eof_in = self._eof_out = self._close_in = self._close_out = False
        self._cut: LinkError | None = None
        self._reply: asyncio.Future[bool] | None = None

    @property
    def send_window(self) -> int:
        """Bytes that may be sent before the peer gives more (RFC 4254 section 5.2)."""
        return self._window

    # -- the Stream -----------------------------------------------------------------------------------------------

    async def write(self, data: bytes) -> None:
        """Send all of ``data`` as the peer's window and the connection allow.

        :raise LinkError: the stream was cut, or the peer no longer reads
        """
        rest = memoryview(data)
        while rest:
            await self._wire.room()
            self._check_writable()
            size = min(len(rest), self._window, self._packet)
            if size == 0:
                await self._writer.wait()
                continue
            self._window -= size
            head = struct.pack(">BII", CHANNEL_DATA, self._remote, size)
            self._wire.submit(b"".join((head, rest[:size])))
            rest = rest[size:]

    async def write_eof(self) -> None:
        """End our direction; the peer may go on sending. Idempotent."""
        if not self._eof_out and not self._close_out and self._cut is None:
            self._eof_out = True
            self._send(CHANNEL_EOF)

    async def close(self) -> None:
        """Drop both directions; what was written before is still delivered. Idempotent, never raises."""
        self.drop(LinkError("The stream was closed on this side"))

    # -- for Channels and SshLink ---------------------------------------------------------------------------------

    async def request(self, kind: str, extra: bytes) -> None:
        """Send a channel request and wait for its answer. :raise LinkError: refused."""
        self._check_writable()
        self._reply = asyncio.get_running_loop().create_future()
        self._send(CHANNEL_REQUEST, text(kind) + b"\x01" + extra)
        if not await self._reply:
            raise LinkError(f"The machine refused the request “{kind}”")

    def drop(self, reason: LinkError) -> None:
        """Close both directions at once and wake all waiters, with ``reason``."""
        if self.opened.done() and not self._close_out and not self._close_in and self._cut is None:
            self._close_out = True
            self._send(CHANNEL_CLOSE)
        self._throw_away()
        self._eof_in = False  # its data is thrown away: a later read must not look like a clean end
        self._end(reason)

    def lose(self, reason: LinkError) -> None:
        """The link is gone: what has arrived stays readable, then ``reason``, unless the peer had ended before."""
        fail(self.opened, reason.copy())
        self._close_in = True
        self._end(reason)

    def handle(self, kind: int, payload: bytes) -> None:
        """Take one message addressed to this channel; ``payload`` starts with the channel number, 4 bytes."""
        if kind == CHANNEL_DATA:
            self._feed(take_text(payload, 4)[0])
        elif kind == WINDOW_ADJUST:
            self._window += struct.unpack_from(">I", payload, 4)[0]
            self._writer.wake()
        elif kind == CHANNEL_EOF:
            self._eof_in = True
            self._reader.wake()
        elif kind == CHANNEL_CLOSE:
            self._peer_closed()
        elif kind == EXTENDED_DATA:
            size = len(take_text(payload, 8)[0])  # a command's stderr, which a stream does not carry
            self._account(size)
            self._was_read(size)
        elif kind == CHANNEL_REQUEST:
            self._peer_request(payload)
        elif kind == OPEN_CONFIRMATION:
            self._confirmed(payload)
        elif self._reply is not None and not self._reply.done():
            self._reply.set_result(kind == CHANNEL_SUCCESS)

    # -- internals ------------------------------------------------------------------------------------------------

    def _confirmed(self, payload: bytes) -> None:
        self._remote, self._window, self._packet = struct.unpack_from(">III", payload, 4)
        abandoned = self.opened.cancelled() or self._cut is not None
        if not self.opened.done():
            self.opened.set_result(None)
        if abandoned:
            self._close_out = True
            self._send(CHANNEL_CLOSE)

    def _feed(self, data: bytes) -> None:
        self._account(len(data))
        if self._cut is None:
            self._put(data)

    def _account(self, size: int) -> None:
        self._allowance -= size
        if self._allowance < 0:
            raise LinkError("The machine sent more than it was allowed to on one stream")

    def _at_end(self) -> bool:
        if not self._eof_in and self._cut is not None:
            raise self._cut.copy()
        return self._eof_in

    def _was_read(self, size: int) -> None:
        """Give the peer its window back, in few large pieces."""
        self._consumed += size
        if self._consumed * 4 >= WINDOW and not (self._eof_in or self._close_out or self._close_in):
            self._send(WINDOW_ADJUST, struct.pack(">I", self._consumed))
            self._allowance += self._consumed
            self._consumed = 0

    def _peer_closed(self) -> None:
        self._close_in = True
        if not self._close_out:
            self._close_out = True
            self._send(CHANNEL_CLOSE)
        self._end(LinkError("The machine cut the stream"))

    def _peer_request(self, payload: bytes) -> None:
        _, offset = take_text(payload, 4)
        wants_reply = payload[offset : offset + 1] != b"\x00"
        if wants_reply and not self._close_out:
            self._send(CHANNEL_FAILURE)

    def _end(self, reason: LinkError) -> None:
        """Nothing more will be sent, and nothing more read than what is buffered up to the peer's EOF."""
        if self._cut is None:
            self._cut = reason
        self._wake_both()
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(False)

    def _check_writable(self) -> None:
        if self._cut is not None:
            raise self._cut.copy()
        if self._eof_out:
            raise LinkError("The stream's sending direction has been ended already")

    def _send(self, kind: int, extra: bytes = b"") -> None:
        self._wire.submit(struct.pack(">BI", kind, self._remote) + extra)


class Channels:
    """All channels of one connection, and its global requests."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._channels: dict[int, Channel] = {}
        self._next = 0
        self._pings: deque[asyncio.Future[None]] = deque()
        self._lost: LinkError | None = None

    def __len__(self) -> int:
        """Channels known, those included whose closing the peer has not confirmed yet."""
        return len(self._channels)

    @property
    def buffered(self) -> int:
        """Bytes that have arrived on all channels and are not read yet."""
        return sum(channel.buffered for channel in self._channels.values())

    async def open(self, kind: str, extra: bytes = b"") -> Channel:
        """Open a channel of ``kind`` (RFC 4254 section 5.1).

        :raise LinkError: the peer refused, or the link is gone
        """
        if self._lost is not None:
            raise self._lost.copy()
        while self._next in self._channels:
            self._next = (self._next + 1) & 0xFFFFFFFF
        channel = Channel(self._wire, self._next)
        self._channels[channel.local] = channel
        self._next = (self._next + 1) & 0xFFFFFFFF
        head = struct.pack(">III", channel.local, WINDOW, PACKET)
        self._wire.submit(bytes([CHANNEL_OPEN]) + text(kind) + head + extra)
        try:
            await channel.opened  # cancelled: the confirmation still to come is answered with a close
        except asyncio.CancelledError:
            if not channel.opened.cancelled():
                await channel.close()  # it came just before
            raise
        return channel

    async def ping(self) -> None:
        """One round trip through the peer's SSH server. :raise LinkError: the link is gone."""
        if self._lost is not None:
            raise self._lost.copy()
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._pings.append(answer)
        self._wire.submit(bytes([GLOBAL_REQUEST]) + text("keepalive@openssh.com") + b"\x01")
        await answer

    def dispatch(self, kind: int, payload: bytes) -> None:
        """Take one message of the connection protocol; ``payload`` starts behind the message number.

        :raise LinkError: the peer broke the protocol; the connection must be given up.
        """
        try:
            self._dispatch(kind, payload)
        except struct.error as error:
            raise LinkError("The machine's SSH server sent a malformed message", detail=str(error)) from error

    def lose(self, reason: LinkError) -> None:
        """The connection is gone: everything that waits ends with ``reason``."""
        self._lost = reason
        for channel in list(self._channels.values()):
            channel.lose(reason)
        self._channels.clear()
        for answer in self._pings:
            fail(answer, reason.copy())
        self._pings.clear()

    def _dispatch(self, kind: int, payload: bytes) -> None:
        if kind in (REQUEST_SUCCESS, REQUEST_FAILURE):
            answer = self._pings.popleft() if self._pings else None
            if answer is not None and not answer.done():
                answer.set_result(None)
        elif kind == GLOBAL_REQUEST:
            _, offset = take_text(payload, 0)
            if payload[offset : offset + 1] != b"\x00":
                self._wire.submit(bytes([REQUEST_FAILURE]))
        elif kind == CHANNEL_OPEN:
            _, offset = take_text(payload, 0)
            refusal = struct.pack(">I", ADMINISTRATIVELY_PROHIBITED) + text("") + text("")
            self._wire.submit(bytes([OPEN_FAILURE]) + payload[offset : offset + 4] + refusal)
        else:
            (number,) = struct.unpack_from(">I", payload)
            channel = self._channels.get(number)
            if channel is None:
                raise LinkError("The machine's SSH server used an unknown stream", detail=f"channel {number}")
            if kind == OPEN_FAILURE:
                self._refused(channel, payload)
                return
            channel.handle(kind, payload)
            if kind == CHANNEL_CLOSE:
                del self._channels[number]

    def _refused(self, channel: Channel, payload: bytes) -> None:
        del self._channels[channel.local]
        (reason,) = struct.unpack_from(">I", payload, 4)
        why = take_text(payload, 8)[0].decode(errors="replace")
        channel.lose(LinkError("The machine refused to open a stream", detail=f"reason {reason}: {why}"))
