"""The listener's side of TLS: an asyncio protocol and a transport around a :class:`engine.tls_session.TlsSession`.

The client's protocol is made once the handshake is complete and the client has shown a certificate that is good;
until then there is a deadline. A client that is refused can read the reason: the connection stays open for a
moment, since one that is closed with unread bytes in it is reset, and the alert is lost.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import socket
import ssl
from collections.abc import Callable
from typing import Any, Protocol, cast

from engine.tls_session import TlsSession

log = logging.getLogger(__name__)

MakeProtocol = Callable[[], asyncio.Protocol]

LINGER_SECONDS = 2.0
"""Within which a client that was refused can read why."""

KEEPALIVE_SECONDS = 30
"""Of silence, until the kernel asks whether the other computer is still there, and between such questions."""


class Door(Protocol):
    """What accepts connections.

    :ivar handshake_seconds: within which a handshake has to be complete.
    """

    handshake_seconds: float

    def context(self) -> ssl.SSLContext:
        """For the next handshake."""
        ...

    def admit(self, connection: TlsConnection) -> asyncio.Protocol | None:
        """The protocol for a client whose handshake is complete; None: it is not to be served."""
        ...

    def refusal(self, request: bytes) -> bytes:
        """What is answered, without TLS, to a client that began with ``request`` of HTTP."""
        ...

    def ended(self, connection: TlsConnection) -> None:
        """The connection is closed."""
        ...


class TlsConnection(asyncio.Protocol):
    """A TCP connection that was accepted: speaks TLS with it and plain bytes with the client's protocol.

    :ivar fingerprint: SHA-256 of the client's certificate, in hexadecimal, once the handshake is complete.
    """

    def __init__(self, door: Door) -> None:
        self.fingerprint = ""
        self._door = door
        self._tls = TlsSession(door.context(), None)
        self._below: asyncio.Transport | None = None
        self._client: asyncio.Protocol | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._refused = False

    def close(self) -> None:
        """End the connection behind what was sent."""
        self.end()
        if self._below is not None:
            self._below.close()

    def abort(self) -> None:
        """Drop the connection at once."""
        if self._below is not None:
            self._below.abort()

    # -- from below: TCP ------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._below = cast(asyncio.Transport, transport)  # uvloop's is none of asyncio's classes
        keep_alive(self._below.get_extra_info("socket"))
        self._set_deadline(self._door.handshake_seconds)

    def data_received(self, data: bytes) -> None:
        if self._refused or self._tls.ended:
            return  # what follows close_notify is ignored (RFC 8446 section 6.1)
        self._tls.take(data)
        if self._client is not None or self._shake_hands(data):
            self._deliver()

    def eof_received(self) -> bool:
        if self._client is not None and self._tls.ended:
            return True  # Node.js ends TCP's direction too, and goes on reading
        if not self._refused:
            self.abort()
        return False

    def pause_writing(self) -> None:
        if self._client is not None:
            self._client.pause_writing()

    def resume_writing(self) -> None:
        if self._client is not None:
            self._client.resume_writing()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        self._door.ended(self)
        client, self._client = self._client, None
        if client is not None:
            client.connection_lost(exc)

    # -- from above: the client's protocol, by TlsTransport -------------------------------------------------------

    def send(self, data: bytes) -> None:
        """Encrypt and send. :raise RuntimeError: our direction has ended"""
        if self._tls.eof_sent:
            raise RuntimeError("write after write_eof")
        self._tls.write(data)
        self._flush()

    def end(self) -> None:
        """End our direction behind what was sent. Idempotent."""
        with contextlib.suppress(ssl.SSLError):  # then there is no one to tell
            self._tls.end()  # all that has come was delivered
        self._flush()

    # -- TLS ------------------------------------------------------------------------------------------------------

    def _shake_hands(self, data: bytes) -> bool:
        """Take the handshake further; whether it is complete and the client is served."""
        try:
            complete = self._tls.shake_hands()
        except ssl.SSLError as error:
            plain = self._door.refusal(data) if error.reason == "HTTP_REQUEST" else b""
            self._refuse(f"{error.reason or error}", plain)
            return False
        self._flush()
        if not complete:
            return False
        self.fingerprint = hashlib.sha256(self._tls.peer_certificate).hexdigest()
        client = self._door.admit(self)
        if client is None:
            self._refuse("its certificate is not known")
            return False
        assert self._below is not None
        self._set_deadline(None)
        self._client = client
        client.connection_made(TlsTransport(self, self._below))
        return True

    def _refuse(self, why: str, plain: bytes = b"") -> None:
        """Send the alert, or ``plain``, and end the connection once the client has had time to read it."""
        assert self._below is not None
        self._refused = True
        peer = self._below.get_extra_info("peername")
        log.info("a connection from %s was refused: %s", peer[0] if peer else "somewhere", why)
        if plain:
            self._below.write(plain)
        else:
            self._flush()
        with contextlib.suppress(OSError):  # it has left already
            self._below.write_eof()
        self._set_deadline(LINGER_SECONDS)

    def _deliver(self) -> None:
        """Hand on what has come, to the last complete record."""
        assert self._client is not None
        try:
            data = b"".join(self._tls.read())
        except ssl.SSLError as error:
            log.info("a connection is dropped, what has come is not TLS: %s", error)
            self.abort()
            return
        self._flush()
        if data:
            self._client.data_received(data)
        if self._tls.ended and not self._client.eof_received():  # asyncio: then the transport closes itself
            self.close()

    def _flush(self) -> None:
        """Send what OpenSSL has written."""
        if (data := self._tls.to_send()) and self._below is not None and not self._below.is_closing():
            self._below.write(data)

    def _set_deadline(self, seconds: float | None) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
        loop = asyncio.get_running_loop()
        self._deadline = loop.call_later(seconds, self.abort) if seconds is not None else None


class TlsTransport(asyncio.Transport):
    """What the client's protocol writes to. Sizes of buffers are those of the TCP connection, so encrypted."""

    def __init__(self, connection: TlsConnection, below: asyncio.Transport) -> None:
        super().__init__()
        self._connection = connection
        self._below = below

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self._below.get_extra_info(name, default)

    def write(self, data: bytes | bytearray | memoryview[Any]) -> None:
        if not self._below.is_closing():
            self._connection.send(bytes(data))

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Send ``close_notify``; the TCP connection stays as it is."""
        self._connection.end()

    def close(self) -> None:
        if not self._below.is_closing():
            self._connection.close()

    def abort(self) -> None:
        self._below.abort()

    def is_closing(self) -> bool:
        return self._below.is_closing()

    def is_reading(self) -> bool:
        return self._below.is_reading()

    def pause_reading(self) -> None:
        self._below.pause_reading()

    def resume_reading(self) -> None:
        self._below.resume_reading()

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._below.set_write_buffer_limits(high, low)

    def get_write_buffer_size(self) -> int:
        return self._below.get_write_buffer_size()


def keep_alive(connection: socket.socket | None) -> None:
    """Have the kernel notice when the other computer is gone without a word (tcp(7))."""
    if connection is None:
        return
    options = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    for name in ("TCP_KEEPIDLE", "TCP_KEEPALIVE", "TCP_KEEPINTVL"):  # macOS calls the first one by the second name
        if hasattr(socket, name):
            options.append((socket.IPPROTO_TCP, getattr(socket, name), KEEPALIVE_SECONDS))
    with contextlib.suppress(OSError):  # the client has left already
        for level, option, value in options:
            connection.setsockopt(level, option, value)
