"""The port: accepts connections, limits those whose handshake is not complete, and knows whose each one is."""

from __future__ import annotations

import asyncio
import logging
import math
import socket
import ssl
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from engine.endpoint.listener import BACKLOG
from engine.endpoint.refusal import Refusal
from engine.ports.bind_errors import explain
from engine.ports.sockets import bound
from engine.tls.transport import MakeProtocol, TlsConnection
from vm.errors import EngineError

log = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 10.0
"""For a handshake, which is two round trips."""

HANDSHAKES = 512
"""Handshakes under way at once. At one more the oldest is given up: an honest client needs milliseconds."""


@dataclass(frozen=True)
class Identity:
    """Who the server is, and whom it lets in.

    :ivar context: has its certificate, and refuses clients that the authority has not certified, or has revoked.
    :ivar clients: the fingerprint of each client's certificate → the client's name. No other is let in.
    :ivar made: seconds since 1970.    :ivar until: when the authority expires, and with it all certificates.
    :ivar names: the addresses and names in its certificate.
    """

    context: ssl.SSLContext
    clients: Mapping[str, str] = field(default_factory=dict)
    made: float = 0.0
    names: tuple[str, ...] = ()
    until: float = math.inf


class TlsListener:
    """An :class:`engine.endpoint.listener.Listener` at a TCP port, and a ``Door`` (transport.py).

    :param address: IPv4 or IPv6, without brackets.
    :param handshake_seconds: within which a client has to have shown its certificate.
    """

    def __init__(
        self,
        address: str,
        port: int,
        identity: Identity,
        *,
        handshake_seconds: float = HANDSHAKE_SECONDS,
        handshakes: int = HANDSHAKES,
    ) -> None:
        self.address = address
        self.port = port
        self.handshake_seconds = handshake_seconds
        self._handshakes = handshakes
        self._identity = identity
        self._server: asyncio.Server | None = None
        self._make_protocol: MakeProtocol | None = None
        self._unfinished: dict[TlsConnection, None] = {}
        self._served: set[TlsConnection] = set()

    async def start(self, make_protocol: MakeProtocol) -> None:
        """Listen. :raise EngineError: the port is taken, or this computer does not have the address"""
        self._make_protocol = make_protocol
        try:
            listening = bound(socket.SOCK_STREAM, self.address, self.port)
            try:
                loop = asyncio.get_running_loop()
                self._server = await loop.create_server(self._connect, sock=listening, backlog=BACKLOG)
            except BaseException:
                listening.close()
                raise
        except OSError as error:
            raise EngineError(
                await explain("tcp", self.address, self.port, error),
                "Choose another one: slipway tls enable --port …",
                repr(error),
            ) from error

    async def close(self) -> None:
        """Stop listening and give up handshakes. Clients already served stay. Idempotent."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        for connection in tuple(self._unfinished):
            connection.abort()

    @property
    def identity(self) -> Identity:
        """The one in use."""
        return self._identity

    @property
    def unfinished(self) -> int:
        """Handshakes under way."""
        return len(self._unfinished)

    def use(self, identity: Identity) -> None:
        """Be this from now on; connections of clients that are not let in any more end at once."""
        self._identity = identity  # also for handshakes under way: see admit
        for connection in tuple(self._served):
            if connection.fingerprint not in identity.clients:
                log.info("a connection ends: its client's certificate does not count any more")
                connection.abort()

    def connections(self) -> Counter[str]:
        """How many connections each client has now, by its fingerprint."""
        return Counter(connection.fingerprint for connection in self._served)

    # -- the connections' door ------------------------------------------------------------------------------------

    def context(self) -> ssl.SSLContext:
        """For the next handshake."""
        return self._identity.context

    def admit(self, connection: TlsConnection) -> asyncio.Protocol | None:
        """A protocol of the endpoint's for a client that is known; None for any other."""
        if connection.fingerprint not in self._identity.clients or self._make_protocol is None:
            return None
        self._unfinished.pop(connection, None)
        self._served.add(connection)
        return self._make_protocol()

    def refusal(self, request: bytes) -> bytes:
        """An answer that the docker command shows."""
        error = EngineError(
            "This port takes TLS only, and this client does not use it",
            "Use the certificates that “slipway tls client add” has written.",
        )
        return Refusal(400, error).encode(with_body=not request.startswith(b"HEAD "), close=True)

    def ended(self, connection: TlsConnection) -> None:
        """Forget it."""
        self._unfinished.pop(connection, None)
        self._served.discard(connection)

    def _connect(self) -> TlsConnection:
        if len(self._unfinished) >= self._handshakes:
            oldest = next(iter(self._unfinished))
            self.ended(oldest)
            oldest.abort()
        connection = TlsConnection(self)
        self._unfinished[connection] = None
        return connection
