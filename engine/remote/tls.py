"""TCP with TLS (engine/tls_session.py), each side with a certificate, as docker has it; and TCP without."""

from __future__ import annotations

import asyncio
import socket
import ssl
from pathlib import Path

from engine.client.errors import EngineUnreachable, TlsFailed
from engine.client.socket_stream import SocketStream, close_writer
from engine.remote.endpoints import Endpoint, TlsFiles
from engine.tls_session import TlsSession
from vm.errors import LinkError
from vm.guest.stream import Stream

CONNECT_SECONDS = 10.0
PIECE = 64 * 1024
"""Bytes that are read at a time."""


class TcpRoute:
    """The way to an endpoint by TCP, with TLS where it has certificates; these are read for each connection."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint

    async def open(self) -> Stream:
        """See :class:`engine.client.link_transport.Route`.

        :raise EngineUnreachable: nothing answers.    :raise TlsFailed: a certificate is not accepted, or ours
            cannot be used.
        """
        host, port = self._endpoint.host, self._endpoint.port
        context = tls_context(self._endpoint.tls) if self._endpoint.tls is not None else None
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                reader, writer = await _connect(host, port)
                if context is None:
                    return SocketStream(reader, writer)
                stream = TlsStream(reader, writer, context, host)
                try:
                    await stream.handshake()
                except BaseException:
                    await stream.close()
                    raise
                return stream
        except TimeoutError as error:
            raise EngineUnreachable(f"{host} does not answer at port {port}", CHECK, str(error)) from error
        except socket.gaierror as error:
            raise EngineUnreachable(f"“{host}” cannot be found", CHECK, str(error)) from error
        except OSError as error:
            raise EngineUnreachable(f"Nothing answers at port {port} of {host}", CHECK, str(error)) from error


CHECK = "Check that the other computer is up, that its engine listens there, and what is between the two."


async def _connect(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection(host, port)
    sock: socket.socket = writer.get_extra_info("socket")
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    return reader, writer


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """A client's side of TLS 1.2 or newer.

    :raise TlsFailed: a file is missing, cannot be read, or holds no certificate or key.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not files.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if files.ca is not None:
            context.load_verify_locations(cafile=files.ca)
        elif files.verify:
            context.load_default_certs()
        if files.cert is not None and files.key is not None:
            context.load_cert_chain(files.cert, files.key, password=_no_passphrase)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        folder = next((path.parent for path in (files.ca, files.cert, files.key) if path), Path())
        raise TlsFailed(
            "The context's certificates cannot be used", f"See the files in {folder}", str(error)
        ) from error
    return context


def _no_passphrase() -> str:
    raise ValueError("the key has a passphrase, which docker does not support for contexts either")


class TlsStream:
    """See :class:`vm.guest.stream.Stream`. A stream without the engine's ``close_notify`` was cut, not ended.

    :param host: the name that its certificate has to be for; None: this is the server's side.
    """

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        context: ssl.SSLContext,
        host: str | None,
    ) -> None:
        self._reader, self._writer = reader, writer
        self._tls = TlsSession(context, host)
        self._ready = bytearray()

    @property
    def ended(self) -> bool:
        """Whether the engine has closed its side: an idle connection is told nothing else."""
        return self._tls.ended or self._reader.at_eof()

    async def handshake(self) -> None:
        """:raise TlsFailed: the engine's certificate is not trusted, or it speaks no TLS."""
        try:
            while not self._tls.shake_hands():
                await self._flush()
                await self._fill()
        except ssl.SSLError as error:
            await self._flush()  # the alert
            raise _failed(error) from error
        await self._flush()

    async def read(self, limit: int) -> bytes:
        while True:
            if self._ready:
                data = bytes(self._ready[:limit])
                del self._ready[:limit]
                return data
            if self._tls.ended:
                return b""
            self._decrypt()
            if not self._ready and not self._tls.ended:
                await self._flush()  # an answer of TLS itself, such as a new key
                await self._fill()

    async def write(self, data: bytes) -> None:
        try:
            self._tls.write(data)
        except ssl.SSLError as error:
            raise _failed(error) from error
        await self._flush()

    async def write_eof(self) -> None:
        if self._tls.eof_sent:
            return
        self._decrypt()
        try:
            self._tls.end()
        except ssl.SSLError as error:
            raise _failed(error) from error
        await self._flush()

    async def close(self) -> None:
        await close_writer(self._writer)

    def _decrypt(self) -> None:
        """Take all that has come."""
        try:
            for piece in self._tls.read():
                self._ready += piece
        except ssl.SSLEOFError as error:
            raise LinkError("The connection broke", detail=str(error)) from error
        except ssl.SSLError as error:
            raise _failed(error) from error

    async def _fill(self) -> None:
        try:
            self._tls.take(await self._reader.read(PIECE))
        except OSError as error:
            raise LinkError("The connection broke", detail=str(error)) from error

    async def _flush(self) -> None:
        try:
            self._writer.write(self._tls.to_send())
            await self._writer.drain()
        except OSError as error:
            raise LinkError("The connection broke", detail=str(error)) from error


def _failed(error: ssl.SSLError) -> TlsFailed:
    if isinstance(error, ssl.SSLCertVerificationError):
        return TlsFailed(
            f"The engine's certificate is not trusted: {error.verify_message}",
            "Another computer may answer in its place. Compare the context's ca.pem with the engine's authority.",
            str(error),
        )
    if "ALERT" in (error.reason or ""):  # OpenSSL's names for what the other side sends (RFC 8446, 6.2)
        return TlsFailed(
            "The engine refuses this client's certificate",
            "It may have expired, been revoked, or come from another authority. Ask for a new one.",
            str(error),
        )
    return TlsFailed("The engine does not speak TLS as it should", "Check the context's address.", str(error))
