"""The TLS listener in front of the engine, and the clients that it lets in."""

from __future__ import annotations

from dataclasses import dataclass

TLS_PORT, CLIENT_DAYS = 2376, 730
"""What a command line or a form proposes: the port, and how long a client's certificate is valid."""


@dataclass(frozen=True)
class TlsClientReport:
    """A certificate that was given to a client.

    :ivar state: ``valid``, ``expired`` or ``revoked``.    :ivar fingerprint: SHA-256 of the certificate.
    :ivar issued: seconds since 1970; so are ``expires`` and ``revoked``, which is None while it is not revoked.
    :ivar connections: open now.
    """

    name: str
    state: str
    fingerprint: str
    issued: float
    expires: float
    revoked: float | None
    connections: int


@dataclass(frozen=True)
class TlsReport:
    """Whether and where the engine answers by TLS.

    :ivar enabled: whether it should.    :ivar listening: whether it does.    :ivar failure: why it does not.
    :ivar address: where it listens, without brackets.    :ivar loopback: whether that is this computer only.
    :ivar hosts: names and addresses that were given as well.    :ivar url: for DOCKER_HOST of a client.
    :ivar names: what the server's certificate is for.    :ivar folder: where the authority is kept.
    :ivar authority: SHA-256 of the authority's certificate, which clients have as ``ca.pem``; empty: none.
    :ivar authority_expires: seconds since 1970; None: there is none.
    """

    enabled: bool
    listening: bool
    failure: str
    address: str
    port: int
    loopback: bool
    hosts: tuple[str, ...]
    url: str
    names: tuple[str, ...]
    folder: str
    clients: tuple[TlsClientReport, ...]
    authority: str = ""
    authority_expires: float | None = None


@dataclass(frozen=True)
class EnableTls:
    """Listen at an address and port, also at coming starts. :ivar hosts: further names for the certificate."""

    address: str
    port: int
    hosts: tuple[str, ...]


@dataclass(frozen=True)
class DisableTls:
    """Listen no more. :ivar forget: delete the authority and the list of clients, too"""

    forget: bool


@dataclass(frozen=True)
class AddTlsClient:
    """Make a certificate. :ivar days: how long it is valid.    :ivar renew: the name may have one already"""

    name: str
    days: int
    renew: bool


@dataclass(frozen=True)
class RevokeTlsClient:
    """Let a client in no more."""

    name: str


@dataclass(frozen=True)
class TlsBundle:
    """What a client needs, each PEM; the key is a secret. :ivar url: for DOCKER_HOST"""

    url: str
    ca: str
    certificate: str
    key: str
