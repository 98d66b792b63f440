"""The bottom of the SSH link: a packetizer for paramiko that never blocks the event loop.

Until :meth:`LoopPacketizer.divert` it behaves like paramiko's own (the handshake runs in threads). From then on

- messages of the connection protocol (RFC 4254: numbers 80 up) go to the event loop, not to paramiko's channels;
- what is sent is encrypted at once, in order, and queued; the loop writes it out when the socket takes it;
- reads take large pieces, so that small packets do not cost two system calls each.

Three things cross threads, each guarded: the outbox (a lock), the inbox of events (a deque, whose ends are atomic,
and one flag), and paramiko's own state (its locks, held for an instant).
"""

from __future__ import annotations

import asyncio
import logging
import socket
import threading
from collections import deque
from collections.abc import Callable

from paramiko.message import Message
from paramiko.packet import NeedRekeyException, Packetizer

log = logging.getLogger(__name__)

FIRST_CONNECTION_MESSAGE = 80
"""Message numbers from here on belong to the connection protocol (RFC 4250 section 4.1.1)."""

NEW_KEYS = 21

READ_SIZE = 256 * 1024
"""Bytes taken from the socket at once."""

WRITE_SIZE = 128 * 1024
"""Bytes given to the socket at once; small messages of one turn of the loop are joined up to this."""

HIGH_WATER = 256 * 1024
"""Queued bytes above which streams wait before sending more. Control messages do not wait."""

TURN = 32 * 1024
"""Bytes one waiting stream is expected to send when woken: OpenSSH's largest data message."""


class Packet:
    """One finished message, in the shape ``send_message`` asks for: something with ``asbytes``."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload

    def asbytes(self) -> bytes:
        return self._payload


class LoopPacketizer(Packetizer):
    """paramiko's packetizer, joined to an event loop by :meth:`divert`."""

    # The rekeying bounds of RFC 4344 section 3.2 allow 2**32 blocks under AES; paramiko's 512 MB would stall a
    # 1 GB `docker save` twice. Ours stay far below the former.
    REKEY_BYTES = 1 << 34
    REKEY_PACKETS = 1 << 30

    def __init__(self, sock: socket.socket) -> None:
        super().__init__(sock)
        self._sock = sock
        self._loop: asyncio.AbstractEventLoop | None = None
        self._loop_thread = 0
        # inbound
        self._store = bytearray(READ_SIZE)
        self._view = memoryview(self._store)
        self._start = self._end = 0
        self._events: deque[tuple[int, bytes]] = deque()
        self._draining = False
        self._keys_changed = False
        # outbound
        self._out: socket.socket | None = None
        self._lock = threading.Lock()
        self._outbox: deque[bytes] = deque()
        self._queued = 0
        self._flush_due = False
        self._sending: asyncio.Task[None] | None = None
        self._waiters: deque[asyncio.Future[None]] = deque()

    def divert(
        self,
        loop: asyncio.AbstractEventLoop,
        received: Callable[[int, bytes], None],
        rekeyed: Callable[[], None],
        lost: Callable[[], None],
    ) -> None:
        """From now on talk to ``loop``, by whose thread this is called.

        :param received: takes each message of the connection protocol: its number, and what follows it
        :param rekeyed: a key exchange is over, messages held back may be sent
        :param lost: the connection has ended
        """
        self._received, self._rekeyed, self._lost = received, rekeyed, lost
        self._loop_thread = threading.get_ident()
        self._out = self._sock.dup()
        self._out.setblocking(False)
        self._loop = loop  # last: it is what the other thread looks at
        if self.closed:  # the connection ended between the handshake and now
            self._post(0, b"")

    # -- inbound, in paramiko's thread ----------------------------------------------------------------------------

    def read_message(self) -> tuple[int, Message]:
        """Return the next message that is paramiko's business; pass the others on."""
        if self._keys_changed:
            self._keys_changed = False
            self._post(NEW_KEYS, b"")
        while True:
            kind, message = super().read_message()
            if self._loop is None or kind < FIRST_CONNECTION_MESSAGE:
                self._keys_changed = self._loop is not None and kind == NEW_KEYS
                return kind, message
            self._post(kind, message.asbytes())
            if self.need_rekey():
                raise NeedRekeyException

    def read_all(self, n: int, check_rekey: bool = False) -> bytes:
        """Return exactly ``n`` bytes.

        :raise EOFError: the connection ended
        :raise NeedRekeyException: new keys are due and nothing has arrived yet (only with ``check_rekey``)
        """
        if self._loop is None:
            return super().read_all(n, check_rekey)
        if self._end - self._start >= n:
            self._start += n
            return bytes(self._view[self._start - n : self._start])
        out = bytearray(self._view[self._start : self._end])
        self._start = self._end = 0
        while len(out) < n:
            self._end = self._receive(idle=check_rekey and not out)
            self._start = min(n - len(out), self._end)
            out += self._view[: self._start]
        return bytes(out)

    def _receive(self, idle: bool) -> int:
        while True:
            try:
                size = self._sock.recv_into(self._store)
            except (TimeoutError, BlockingIOError):
                if self.closed:
                    raise EOFError from None
                if idle and self.need_rekey():
                    raise NeedRekeyException from None
                continue
            except OSError:
                if self.closed:
                    raise EOFError from None
                raise
            if size == 0:
                raise EOFError
            return size

    def start_handshake(self, timeout: float) -> None:
        """Start no timer: each caller has a deadline of its own, and paramiko's would outlive a failure."""

    def close(self) -> None:
        """Called by either thread when the connection has ended or shall end."""
        super().close()
        if self._loop is not None:
            self._post(0, b"")

    def _post(self, kind: int, payload: bytes) -> None:
        assert self._loop is not None
        self._events.append((kind, payload))
        if not self._draining:
            self._draining = True
            try:
                self._loop.call_soon_threadsafe(self._drain)
            except RuntimeError as error:  # the loop is closed: no one is left to notify
                log.debug("event dropped: %s", error)

    # -- in the loop ----------------------------------------------------------------------------------------------

    def _drain(self) -> None:
        self._draining = False  # before looking: an event appended from here on schedules the next turn
        for _ in range(len(self._events)):
            kind, payload = self._events.popleft()
            if kind == 0:
                self._lost()
            elif kind == NEW_KEYS:
                self._rekeyed()
            else:
                self._received(kind, payload)

    @property
    def queued(self) -> int:
        """Bytes encrypted and not yet taken by the socket."""
        return self._queued

    async def drained(self) -> None:
        """Wait until some of what is queued has gone out. Returns at once after :meth:`release`."""
        if self._out is None:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    def release(self) -> None:
        """Give up sending: the connection is gone. Wakes all waiters."""
        out, self._out = self._out, None
        if self._sending is not None and not self._sending.done():
            self._sending.cancel()
            if out is not None:
                self._sending.add_done_callback(lambda _: out.close())
        elif out is not None:
            out.close()
        with self._lock:
            self._outbox.clear()
            self._queued = 0
        self._wake(len(self._waiters))

    async def settled(self) -> None:
        """Wait until the sender has ended after :meth:`release`."""
        if self._sending is not None:
            await asyncio.wait([self._sending])

    # -- outbound -------------------------------------------------------------------------------------------------

    def write_all(self, out: bytes) -> None:  # type: ignore[override]  # always bytes: send_message builds them
        """Queue ``out`` (encrypted, in order: the caller holds paramiko's write lock)."""
        if self._loop is None:
            super().write_all(out)
            return
        with self._lock:
            self._outbox.append(out)
            self._queued += len(out)
            due, self._flush_due = self._flush_due, True
        if due:
            return
        if threading.get_ident() == self._loop_thread:
            self._loop.call_soon(self._flush)
        else:
            self._loop.call_soon_threadsafe(self._flush)

    def _flush(self) -> None:
        """Give the socket what it takes now; a task waits for the rest."""
        while self._out is not None:
            data = self._next_piece()
            if not data:
                return
            try:
                sent = self._out.send(data)
            except BlockingIOError:
                sent = 0
            except OSError as error:
                self._broken(error)
                return
            if sent < len(data):
                self._sending = asyncio.get_running_loop().create_task(self._send_rest(data, sent))
                return
            self._gone(sent)

    async def _send_rest(self, data: bytes, sent: int) -> None:
        assert self._out is not None
        try:
            await asyncio.get_running_loop().sock_sendall(self._out, memoryview(data)[sent:])
        except OSError as error:
            self._broken(error)
            return
        self._gone(len(data))
        self._flush()

    def _next_piece(self) -> bytes:
        with self._lock:
            if not self._outbox:
                self._flush_due = False
                return b""
            if len(self._outbox) == 1 or len(self._outbox[0]) >= WRITE_SIZE // 2:
                return self._outbox.popleft()
            pieces = [self._outbox.popleft()]
            size = len(pieces[0])
            while self._outbox and size + len(self._outbox[0]) <= WRITE_SIZE:
                size += len(self._outbox[0])
                pieces.append(self._outbox.popleft())
        return b"".join(pieces)

    def _gone(self, size: int) -> None:
        with self._lock:
            self._queued = max(0, self._queued - size)
            queued = self._queued
        if self._waiters and queued < HIGH_WATER:
            self._wake(len(self._waiters) if queued == 0 else (HIGH_WATER - queued) // TURN)

    def _wake(self, count: int) -> None:
        while count > 0 and self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                count -= 1

    def _broken(self, error: OSError) -> None:
        """The socket takes no more; shutting it down lets the reading thread find out and tell everybody."""
        log.debug("cannot send: %s", error)
        if self._out is not None:
            try:
                self._out.shutdown(socket.SHUT_RDWR)
            except OSError as again:
                log.debug("socket already down: %s", again)
