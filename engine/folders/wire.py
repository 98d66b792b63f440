"""Wire: one byte stream between the guest's sftp_transport and a server here; it outlives its connections.

Both ends count what they have received and keep what the other has not confirmed. On each new connection the guest
says hello, session and count; so does this end; then each sends again what the other lacks. Layout, big-endian:

    hello   8 bytes "SLIPWIRE", u64 session (guest: at random; host: the same, or 0: unknown here), u64 received
    frame   u32 size, u64 received so far, then ``size`` bytes

Blocking, for a thread of its own; vm/image/native/sftp_transport.c is the other end.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections import deque
from typing import Protocol

MAGIC = b"SLIPWIRE"
HELLO = struct.Struct(">8sQQ")
FRAME = struct.Struct(">IQ")

LARGEST = 1 << 20
"""Most bytes one frame of the guest's may have."""

PIECE = 256 * 1024


class Connection(Protocol):
    """What carries the stream for a while: a socket, or on Windows a pipe (vm/host/pipe_connection.py)."""

    def settimeout(self, seconds: float | None, /) -> None:
        """How long :meth:`recv` waits before it raises TimeoutError."""
        ...

    def recv(self, size: int, /) -> bytes:
        """Some bytes, at most ``size``; none at the end. :raise OSError: it is broken."""
        ...

    def sendall(self, data: bytes, /) -> None:
        """Send all. :raise OSError: it is broken."""
        ...

    def shutdown(self, how: int, /) -> None:
        """End both directions, in whichever thread something waits. :raise OSError: they have ended."""
        ...

    def close(self) -> None:
        """Close it; only the thread that reads may do so."""
        ...


class Cut(Exception):
    """The session has ended for good: another took its place, or the guest broke the rules."""


class Wire:
    """This end of the session ``session``."""

    def __init__(self, session: int) -> None:
        self.session = session
        self.received = 0
        self._confirmed = 0
        self._kept: deque[bytes] = deque()
        self._changed = threading.Condition(threading.RLock())
        self._socket: Connection | None = None
        self._dropped: list[Connection] = []
        self._ended = False
        self._buffer = bytearray()

    @property
    def connected(self) -> bool:
        """Whether there is a connection now."""
        return self._socket is not None

    def attach(self, connection: Connection, received: int) -> None:
        """Go on over ``connection``, whose hello has been read; ``received`` is what the guest has of ours.

        :raise Cut: the guest claims what cannot be.
        """
        with self._changed:
            self._detach()
            self._confirm(received)
            try:
                connection.sendall(HELLO.pack(MAGIC, self.session, self.received))
                for data in self._kept:
                    connection.sendall(FRAME.pack(len(data), self.received) + data)
            except OSError:
                self._dropped.append(connection)
                self._changed.notify_all()
                return
            self._socket = connection
            self._changed.notify_all()

    def read(self) -> bytes:
        """Some bytes of the guest's; waits for a connection when there is none. :raise Cut: ended."""
        while True:
            with self._changed:
                while self._socket is None and not self._ended:
                    self._close_dropped()
                    self._changed.wait()
                self._close_dropped()
                if self._ended:
                    raise Cut
                connection = self._socket
            assert connection is not None
            data = self._frames()
            if data:
                return data
            try:
                more = connection.recv(PIECE)
            except OSError:
                more = b""
            with self._changed:
                if connection is not self._socket:
                    continue
                if more:
                    self._buffer += more
                else:
                    self._detach()

    def write(self, data: bytes) -> None:
        """Send ``data``, now or when there is a connection again."""
        with self._changed:
            self._kept.append(data)
            if self._socket is not None:
                try:
                    self._socket.sendall(FRAME.pack(len(data), self.received) + data)
                except OSError:
                    self._detach()

    def end(self) -> None:
        """End the session for good."""
        with self._changed:
            self._ended = True
            self._detach()
            self._changed.notify_all()

    def _frames(self) -> bytes:
        """The bytes of all whole frames that have arrived."""
        parts, place = [], 0
        with self._changed:
            while len(self._buffer) - place >= FRAME.size:
                size, confirmed = FRAME.unpack_from(self._buffer, place)
                if size > LARGEST:
                    raise Cut
                start = place + FRAME.size
                if len(self._buffer) < start + size:
                    break
                parts.append(bytes(self._buffer[start : start + size]))
                place = start + size
                self.received += size
                self._confirm(confirmed)
            del self._buffer[:place]
        return b"".join(parts)

    def _confirm(self, received: int) -> None:
        while self._kept and self._confirmed + len(self._kept[0]) <= received:
            self._confirmed += len(self._kept.popleft())
        if received > self._confirmed:
            if not self._kept:
                raise Cut
            self._kept[0] = self._kept[0][received - self._confirmed :]
            self._confirmed = received
        elif received < self._confirmed:
            raise Cut

    def _detach(self) -> None:
        self._buffer.clear()
        connection, self._socket = self._socket, None
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            self._dropped.append(connection)

    def _close_dropped(self) -> None:
        """Only the reader closes, so that it never reads from a new connection with the same descriptor."""
        while self._dropped:
            self._dropped.pop().close()
