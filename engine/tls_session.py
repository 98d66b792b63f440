"""TLS on one connection, without its input and output: OpenSSL with buffers in memory (RFC 8446).

asyncio's own TLS closes a connection when either side ends its direction, which ``docker run -i`` and ``docker
cp`` cannot use. OpenSSL does not: after ``close_notify`` has come it can still send, and after it has sent one it
still receives (SSL_shutdown(3), RFC 8446 section 6.1). Only ``close_notify`` ends a direction; a connection that
ends without it was cut.

The listener's side is a protocol (engine/tls/transport.py), the client's a stream (engine/remote/tls.py).
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import Iterator

PIECE = 16 * 1024
"""Bytes in the largest record (RFC 8446 section 5.1)."""


class TlsSession:
    """One side of a connection.

    :param host: the name that the server's certificate has to be for; None: this is the server's side.
    :ivar ended: whether the other side's ``close_notify`` has come, and been read.
    :ivar eof_sent: whether ours has been sent.
    """

    def __init__(self, context: ssl.SSLContext, host: str | None) -> None:
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(
            self._incoming, self._outgoing, server_side=host is None, server_hostname=host
        )
        self.ended = self.eof_sent = False

    def take(self, data: bytes) -> None:
        """What has come from the other side; empty: its connection has ended."""
        if data:
            self._incoming.write(data)
        else:
            self._incoming.write_eof()

    def to_send(self) -> bytes:
        """What has to be sent to the other side; asked for after each of the calls below, also when it fails."""
        return self._outgoing.read()

    def shake_hands(self) -> bool:
        """Go on with the handshake; whether it is complete. :raise ssl.SSLError: it fails"""
        try:
            self._tls.do_handshake()
        except ssl.SSLWantReadError:
            return False
        return True

    @property
    def peer_certificate(self) -> bytes:
        """The other side's, as DER; empty if it has shown none."""
        return self._tls.getpeercert(binary_form=True) or b""

    def read(self) -> Iterator[bytes]:
        """All that has come, to the last complete record, decrypted.

        :raise ssl.SSLEOFError: the connection was cut.    :raise ssl.SSLError: what has come is not TLS.
        """
        while not self.ended:
            try:
                piece = self._tls.read(PIECE)
            except ssl.SSLWantReadError:
                return
            except ssl.SSLZeroReturnError:  # close_notify, and ours was sent before
                piece = b""
            self.ended = not piece
            if piece:
                yield piece

    def write(self, data: bytes) -> None:
        """Encrypt. :raise ssl.SSLError: the connection is broken"""
        left = memoryview(data)
        while left:
            left = left[self._tls.write(left) :]

    def end(self) -> None:
        """End our direction behind what was written. Idempotent.

        What has come has to be read first: OpenSSL gives up at data that it finds while it closes.

        :raise ssl.SSLError: the connection is broken
        """
        if not self.eof_sent:
            self.eof_sent = True
            with contextlib.suppress(ssl.SSLWantReadError):  # the other side's own end is still to come
                self._tls.unwrap()
