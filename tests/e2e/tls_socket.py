"""A blocking TLS connection whose directions end one by one: what ssl.SSLSocket cannot do, and Go's clients do."""

from __future__ import annotations

import contextlib
import io
import socket
import ssl
import threading
from typing import Any


class TlsSocket(io.RawIOBase):
    """As much of a socket as the wire probes use. One thread may read while another one writes."""

    def __init__(self, address: tuple[str, int], context: ssl.SSLContext, timeout: float) -> None:
        super().__init__()
        self._socket = socket.create_connection(address, timeout)
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=address[0])
        self._lock = threading.Lock()  # for OpenSSL's object, which two threads must not use at once
        self._peeked = b""
        while True:
            try:
                self._tls.do_handshake()
            except ssl.SSLWantReadError:
                self._flush()
                self._receive()
            else:
                self._flush()
                return

    def settimeout(self, seconds: float | None) -> None:
        self._socket.settimeout(seconds)

    def gettimeout(self) -> float | None:
        return self._socket.gettimeout()

    def sendall(self, data: Any) -> None:
        left = memoryview(bytes(data))
        while left:
            with self._lock:
                left = left[self._tls.write(left) :]
                self._flush()

    def recv(self, size: int, flags: int = 0) -> bytes:
        if not self._peeked:
            self._peeked = self._read(size)
        taken = self._peeked[:size]
        if not flags & socket.MSG_PEEK:
            self._peeked = self._peeked[size:]
        return taken

    def shutdown(self, how: int) -> None:
        assert how == socket.SHUT_WR
        with self._lock:
            with contextlib.suppress(ssl.SSLWantReadError):
                self._tls.unwrap()
            self._flush()

    def makefile(self, mode: str, **_: object) -> io.BufferedReader:
        assert mode == "rb"
        return io.BufferedReader(self)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = self.recv(len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._socket.close()

    def _read(self, size: int) -> bytes:
        while True:
            with self._lock:
                try:
                    return self._tls.read(size)
                except ssl.SSLZeroReturnError:
                    return b""
                except ssl.SSLWantReadError:
                    pass
            self._receive()

    def _receive(self) -> None:
        data = self._socket.recv(65536)
        if not data:
            raise ConnectionResetError("TCP has ended without close_notify")
        with self._lock:
            self._incoming.write(data)

    def _flush(self) -> None:
        if self._outgoing.pending:
            self._socket.sendall(self._outgoing.read())
