"""A client that ends its direction as Go's does: by ``close_notify``, and goes on reading."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from engine.tls import Bundle
from engine.tls.certificates import Pair


def client_context(folder: Path, ca: str, pair: Pair | None) -> ssl.SSLContext:
    """As strict as Python 3.13's default: see VERIFY_X509_STRICT."""
    context = ssl.create_default_context(cadata=ca)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    if pair is not None:
        file = folder / "client.pem"
        file.write_bytes(pair.certificate + pair.key)
        context.load_cert_chain(file)
    return context


def of_bundle(folder: Path, bundle: Bundle) -> ssl.SSLContext:
    """The context of a client that has what ``slipway tls client add`` writes."""
    return client_context(folder, bundle.ca, Pair(bundle.certificate.encode(), bundle.key.encode()))


class TlsClient:
    """One connection. :ivar writer: of the TCP connection below"""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        context: ssl.SSLContext,
        name: str,
        session: ssl.SSLSession | None = None,
    ) -> None:
        self.writer = writer
        self._reader = reader
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self._incoming, self._outgoing, server_hostname=name, session=session)

    async def shake_hands(self) -> None:
        """:raise ssl.SSLError, ConnectionError: the server refuses"""
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                await self.flush()
                await self._receive()
            else:
                await self.flush()
                return

    async def send(self, data: bytes, *, pieces_of: int = 1 << 20) -> None:
        """:param pieces_of: bytes sent over TCP at once, with a pause after each"""
        left = memoryview(data)
        while left:
            left = left[self.tls.write(left) :]
        await self.flush(pieces_of=pieces_of)

    async def end(self, *, tcp: bool = False) -> None:
        """Send close_notify. :param tcp: end TCP's direction too, as Node.js does"""
        with contextlib.suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        await self.flush()
        if tcp:
            self.writer.write_eof()

    async def read(self) -> bytes:
        """The next bytes; none after the server's close_notify.

        :raise ssl.SSLError: the server sent an alert    :raise ConnectionError: TCP ended without close_notify
        """
        while True:
            try:
                return self.tls.read(65536)
            except ssl.SSLWantReadError:
                await self._receive()
            except ssl.SSLZeroReturnError:
                return b""

    async def read_all(self) -> bytes:
        found = b""
        while data := await self.read():
            found += data
        return found

    async def flush(self, *, pieces_of: int = 1 << 20) -> None:
        data = self.outgoing()
        for start in range(0, len(data), pieces_of):
            self.writer.write(data[start : start + pieces_of])
            await self.writer.drain()
            await asyncio.sleep(0)

    def outgoing(self) -> bytes:
        """What TLS has to send; the caller sends it."""
        return self._outgoing.read()

    async def _receive(self) -> None:
        data = await self._reader.read(65536)
        if not data:
            raise ConnectionResetError("TCP has ended without close_notify")
        self._incoming.write(data)


@asynccontextmanager
async def connected(port: int, context: ssl.SSLContext, name: str = "localhost") -> AsyncIterator[TlsClient]:
    """A client whose side of the handshake is complete."""
    async with asyncio.timeout(20):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            client = TlsClient(reader, writer, context, name)
            await client.shake_hands()
            yield client
        finally:
            writer.transport.abort()
