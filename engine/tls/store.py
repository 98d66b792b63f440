"""The files of an installation's TLS listener: its authority, its clients, and where to listen.

    ca.pem, ca-key.pem    the authority, made when TLS is first enabled
    tls.json              where to listen, and the certificates that clients were given, revoked ones included

Clients' private keys are handed out once and not kept. The server's certificate is made for each context, and is
on the disk only while OpenSSL reads it. All methods block for milliseconds; callers change one thing at a time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import ipaddress
import json
import re
import shutil
import socket
import ssl
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import psutil

from engine.tls.certificates import (
    CLIENT_DAYS,
    LONGEST_CLIENT_DAYS,
    Authority,
    Facts,
    Pair,
    Revoked,
    general_name,
)
from engine.tls.listener import Identity
from vm.errors import EngineError, HostError
from vm.files import write_atomically

PORT = 2376
"""Docker's for TLS, as registered (IANA, “docker-s”)."""

LOOPBACK = "127.0.0.1"

CLIENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
"""It becomes a common name, of at most 64 characters (RFC 5280), and part of a folder's."""

START_AGAIN = "To start again without the certificates that there are: slipway tls disable --forget"


class ClientState(StrEnum):
    """Whether a client's certificate lets it in."""

    VALID = "valid"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True)
class Place:
    """Where to listen.

    :ivar address: IPv4 or IPv6, without brackets; ``0.0.0.0`` and ``::`` are all of this computer's.
    :ivar hosts: further names and addresses by which clients reach it.
    """

    address: str = LOOPBACK
    port: int = PORT
    hosts: tuple[str, ...] = ()

    @classmethod
    def checked(cls, address: str, port: int, hosts: Sequence[str]) -> Place:
        """A place as a user names it. :raise EngineError: it is none"""
        try:
            found = str(ipaddress.ip_address(address.strip("[]")))
        except ValueError:
            raise EngineError(
                f"“{address}” is not an IP address", "A name goes into the certificate: --host NAME"
            ) from None
        if not 1 <= port <= 65535:
            raise EngineError(f"{port} is not a port", "It must be from 1 to 65535.")
        for name in hosts:
            try:
                general_name(name)
            except ValueError as error:
                raise EngineError(str(error), "For example: --host build.example.com") from error
        return cls(found, port, tuple(dict.fromkeys(hosts)))

    @property
    def at(self) -> tuple[str, int]:
        """Address and port."""
        return self.address, self.port

    @property
    def is_loopback(self) -> bool:
        """Whether only this computer can reach it (and the containers on it)."""
        return ipaddress.ip_address(self.address).is_loopback

    @property
    def url(self) -> str:
        """For DOCKER_HOST: where a client reaches it, with the first of the names that were given."""
        host = self.hosts[0] if self.hosts else self.address
        if not self.hosts and ipaddress.ip_address(self.address).is_unspecified:
            host = socket.gethostname()
        return url(host, self.port)

    def names(self) -> tuple[str, ...]:
        """All names and addresses that its certificate is for, in a fixed order."""
        found = ["localhost", LOOPBACK, "::1", *self.hosts]
        if ipaddress.ip_address(self.address).is_unspecified:
            found += [socket.gethostname(), *sorted(_own_addresses())]
        else:
            found.append(self.address)
        return tuple(name for name in dict.fromkeys(found) if _is_name(name))


@dataclass(frozen=True)
class Client:
    """A certificate that was given to a client. :ivar revoked: when, in seconds since 1970; None: it is not"""

    name: str
    facts: Facts
    revoked: float | None = None

    def state(self, now: float) -> ClientState:
        """Whether it counts. :param now: seconds since 1970"""
        if self.revoked is not None:
            return ClientState.REVOKED
        return ClientState.EXPIRED if self.facts.expires <= now else ClientState.VALID


@dataclass(frozen=True)
class Record:
    """``tls.json``. :ivar enabled: whether to listen."""

    enabled: bool = False
    place: Place = Place()
    clients: tuple[Client, ...] = ()


@dataclass(frozen=True)
class Bundle:
    """What a client needs, each PEM. :ivar url: for DOCKER_HOST"""

    url: str
    ca: str
    certificate: str
    key: str


class TlsStore:
    """The one writer of these files.

    :ivar folder: where they are; it need not exist.    :param now: seconds since 1970.
    :param make_private: lets only this user open a file or a folder.
    """

    def __init__(
        self, folder: Path, make_private: Callable[[Path], None], now: Callable[[], float] = time.time
    ) -> None:
        self.folder = folder
        self._make_private = make_private
        self._now = now

    def read(self) -> Record:
        """What is recorded; the default where nothing is. :raise EngineError: it cannot be read"""
        try:
            return _record(json.loads((self.folder / "tls.json").read_bytes()))
        except FileNotFoundError:
            return Record()
        except OSError as error:
            raise self._unreadable(error.strerror or str(error), repr(error)) from error
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise self._unreadable("it is not understood", repr(error)) from error

    def enable(self, place: Place) -> None:
        """Record that, and make an authority if there is none. :raise UserError: that cannot be read or written"""
        record = self.read()
        with self._writing():
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._make_private(self.folder)
            if not (self.folder / "ca.pem").exists():
                pair = Authority.make(self._now())
                self._write("ca-key.pem", pair.key)
                self._write("ca.pem", pair.certificate)
        self._save(dataclasses.replace(record, enabled=True, place=place))

    def disable(self) -> None:
        """Record that; the authority and the clients stay. :raise UserError: that cannot be read or written"""
        record = self.read()
        if record.enabled:
            self._save(dataclasses.replace(record, enabled=False))

    def put_back(self, record: Record) -> None:
        """Undo :meth:`enable`. :param record: as it was before.    :raise HostError: that cannot be written"""
        if record == Record():
            self.forget()
        else:
            self._save(record)

    def forget(self) -> None:
        """Delete everything. :raise HostError: that is not allowed"""
        with self._writing():
            if self.folder.exists():
                shutil.rmtree(self.folder)

    def add_client(self, name: str, days: int = CLIENT_DAYS, *, renew: bool = False) -> Bundle:
        """Make a certificate.

        :param renew: a valid certificate of this name may exist; it stays valid
        :raise UserError: the name cannot be used, TLS is off, or a file cannot be read or written
        """
        record, now = self._enabled(), self._now()
        if not CLIENT_NAME.fullmatch(name):
            raise EngineError(
                f"“{name}” cannot be the name of a client",
                "Use up to 64 letters, digits, “.”, “_” and “-”, beginning with a letter or digit.",
            )
        if not 1 <= days <= LONGEST_CLIENT_DAYS:
            raise EngineError(f"A certificate cannot be valid for {days} days", "It can be for 1 to 3650.")
        if not renew and any(one.name == name and one.state(now) is ClientState.VALID for one in record.clients):
            raise EngineError(
                f"There is a client “{name}” already",
                f"Another certificate for it: slipway tls client add {name} --renew. Or choose another name.",
            )
        authority = self.authority()
        pair = authority.issue_client(name, days, now)
        client = Client(name, Facts.of(pair.certificate, now))
        self._save(dataclasses.replace(record, clients=(*record.clients, client)))
        return Bundle(record.place.url, authority.pem.decode(), pair.certificate.decode(), pair.key.decode())

    def revoke(self, name: str) -> int:
        """Revoke all certificates of a client; how many those are.

        :raise UserError: there is none that counts, or a file cannot be read or written
        """
        record, now = self.read(), self._now()
        counting = [one for one in record.clients if one.name == name and one.revoked is None]
        if not counting:
            known = any(one.name == name for one in record.clients)
            raise EngineError(
                f"The client “{name}” is revoked already" if known else f"There is no client “{name}”",
                "See: slipway tls client list",
            )
        clients = tuple(
            dataclasses.replace(one, revoked=now) if one in counting else one for one in record.clients
        )
        self._save(dataclasses.replace(record, clients=clients))
        return len(counting)

    def authority(self) -> Authority:
        """The authority. :raise EngineError: it cannot be read"""
        try:
            return Authority(Pair(*((self.folder / name).read_bytes() for name in ("ca.pem", "ca-key.pem"))))
        except (OSError, ValueError, TypeError) as error:
            raise EngineError(
                f"The certificate authority in {self.folder} cannot be read", START_AGAIN, repr(error)
            ) from error

    def authority_facts(self) -> Facts | None:
        """What is known of the authority's own certificate; None: there is none that can be read."""
        try:
            return Facts.of((self.folder / "ca.pem").read_bytes(), 0.0)
        except (OSError, ValueError):
            return None

    def identity(self) -> Identity:
        """The server with a new certificate, and whom it lets in.

        :raise UserError: TLS is off, or a file cannot be read or written
        """
        record, now = self._enabled(), self._now()
        authority, names = self.authority(), record.place.names()
        server = authority.issue_server(names, now)
        revoked = [Revoked(one.facts.serial, one.revoked) for one in record.clients if one.revoked is not None]
        with self._writing():
            context = self._context(authority, server, authority.revocations(revoked, now))
        clients = {one.facts.fingerprint: one.name for one in record.clients if one.revoked is None}
        return Identity(context, clients, now, names, authority.expires)

    def _context(self, authority: Authority, server: Pair, revocations: bytes) -> ssl.SSLContext:
        """:raise OSError: the files that OpenSSL reads cannot be written"""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.verify_mode = ssl.CERT_REQUIRED
        context.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
        context.num_tickets = 0  # whoever comes again shows its certificate again
        with tempfile.TemporaryDirectory(prefix=".server.", dir=self.folder) as name:
            self._make_private(Path(name))
            pair, trusted = Path(name) / "server.pem", Path(name) / "trusted.pem"
            write_atomically(pair, server.certificate + server.key)
            write_atomically(trusted, authority.pem + revocations)
            context.load_cert_chain(pair)
            context.load_verify_locations(trusted)
        return context

    def _enabled(self) -> Record:
        record = self.read()
        if not record.enabled:
            raise EngineError("TLS is off", "Turn it on first: slipway tls enable")
        return record

    def _save(self, record: Record) -> None:
        with self._writing():
            self._write("tls.json", json.dumps(dataclasses.asdict(record), indent=1).encode() + b"\n")

    def _write(self, name: str, content: bytes) -> None:
        write_atomically(self.folder / name, content, 0o600)
        self._make_private(self.folder / name)

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """:raise HostError: what is written cannot be"""
        try:
            yield
        except OSError as error:
            raise HostError(
                f"{self.folder} cannot be written: {error.strerror or error}",
                "Check the folder's owner and permissions and the free space.",
                repr(error),
            ) from error

    def _unreadable(self, why: str, detail: str) -> EngineError:
        return EngineError(f"{self.folder / 'tls.json'} cannot be read: {why}", START_AGAIN, detail)


def url(host: str, port: int) -> str:
    """An address for DOCKER_HOST; an IPv6 one gets its brackets."""
    return f"tcp://[{host}]:{port}" if ":" in host else f"tcp://{host}:{port}"


def _record(value: Any) -> Record:
    """From JSON; what is not known is passed over. :raise ValueError, TypeError, KeyError: it is not understood"""
    place = value["place"]
    clients = [
        Client(
            str(one["name"]),
            Facts(
                f"{int(one['facts']['serial'], 16):x}",
                str(one["facts"]["fingerprint"]),
                float(one["facts"]["issued"]),
                float(one["facts"]["expires"]),
            ),
            None if one["revoked"] is None else float(one["revoked"]),
        )
        for one in value["clients"]
    ]
    hosts = tuple(str(host) for host in place["hosts"])
    found = Place(str(ipaddress.ip_address(place["address"])), int(place["port"]), hosts)
    return Record(value["enabled"] is True, found, tuple(clients))


def _own_addresses() -> set[str]:
    """This computer's, without those that count on one network only (RFC 4291 section 2.5.6)."""
    found = {one.address for every in psutil.net_if_addrs().values() for one in every}
    return {one for one in found if _is_address(one) and not ipaddress.ip_address(one).is_link_local}


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:  # of another family, or with the name of its network
        return False
    return True


def _is_name(name: str) -> bool:
    """Whether it can be in a certificate, which a computer's own name need not."""
    try:
        general_name(name)
    except ValueError:
        return False
    return True
