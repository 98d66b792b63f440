"""The user's Docker contexts as endpoints: read, never written.

The formats are the docker CLI's (cli/context/store, cli/context/docker in its sources): ``meta.json`` has the
address, ``contexts/tls/SHA256-OF-NAME/docker/`` has ``ca.pem``, ``cert.pem`` and ``key.pem``. DOCKER_HOST,
DOCKER_TLS_VERIFY and DOCKER_CERT_PATH make what docker calls ``default``.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from engine.context_store import DEFAULT, ContextError, ContextStore, docker_folder
from engine.contexts import NAME, endpoint
from vm.host import host
from vm.host.docker_address import is_read_by_docker
from vm.host.paths import docker_address

PLAIN_PORT, TLS_PORT = 2375, 2376
"""docker's ports (IANA: docker, docker-s), where an address names none."""

HOST_NAME = re.compile(r"[^-\s@/\\][^\s@/\\]*")
"""What is given to ssh as the name of a host: nothing that it could take for an option."""

USER_NAME = re.compile(r"[^-\s@:][^\s@:]*")


class Kind(Enum):
    """How an engine is reached, in the words of the window."""

    SLIPWAY = "Slipway"
    LOCAL = "This computer"
    TLS = "TLS"
    PLAIN = "TCP, not encrypted"
    SSH = "SSH"


@dataclass(frozen=True)
class TlsFiles:
    """A context's certificates (PEM); None for each that is not there. :ivar verify: whether the server is
    checked.
    """

    ca: Path | None
    cert: Path | None
    key: Path | None
    verify: bool = True


@dataclass(frozen=True)
class Endpoint:
    """An engine that can be chosen.

    :ivar name: the context's.    :ivar address: as docker has it.
    :ivar host: the name or address of the computer; ``localhost`` for this one.
    :ivar port: for TCP; for SSH 0 where ssh's configuration decides.    :ivar user: for SSH; empty likewise.
    :ivar path: the local socket; for SSH the engine's socket on the other side, empty for its default.
    :ivar problem: why it cannot be used; empty where it may be tried.
    """

    name: str
    address: str
    kind: Kind
    host: str = "localhost"
    port: int = 0
    user: str = ""
    path: str = ""
    tls: TlsFiles | None = None
    problem: str = ""


def read_endpoints(environment: Mapping[str, str], own: Collection[str]) -> list[Endpoint]:
    """Every context but those that lead to Slipway's own engine; ``default`` first. Reads files.

    :param environment: where DOCKER_CONFIG and docker's other variables are looked up.
    :param own: the addresses at which Slipway's engine answers.
    """
    store = ContextStore(docker_folder(environment))
    found = [_default(store, environment)]
    for name in store.names():
        if name not in (DEFAULT, NAME):
            found.append(_read(store, name))
    return [one for one in found if one.address not in own]


def parse(name: str, address: str, tls: TlsFiles | None = None) -> Endpoint:
    """An endpoint from its address. What cannot be used has a ``problem``; nothing is raised."""
    if not address:
        return Endpoint(name, address, Kind.LOCAL, problem="It names no engine.")
    if not is_read_by_docker(address):
        return Endpoint(name, address, Kind.LOCAL, problem="Its address cannot be read.")
    scheme, _, rest = address.partition("://") if "://" in address else ("tcp", "", address)
    if scheme in ("unix", "npipe"):
        path = rest.replace("/", "\\") if scheme == "npipe" else rest
        return Endpoint(name, address, Kind.LOCAL, path=path)
    try:
        parts = urlsplit(f"{scheme}://{rest}")
        where, port = parts.hostname or "", parts.port or 0
    except ValueError as error:
        return Endpoint(name, address, Kind.LOCAL, problem=f"Its address cannot be read: {error}.")
    if scheme == "ssh":
        return _ssh(name, address, unquote(parts.username or ""), parts.password, where, port, parts.path)
    if scheme not in ("tcp", "http", "https"):
        return Endpoint(name, address, Kind.LOCAL, problem=f"Slipway cannot use addresses of the kind “{scheme}”.")
    kind = Kind.PLAIN if tls is None and scheme != "https" else Kind.TLS
    tls = tls if tls is not None or kind is Kind.PLAIN else TlsFiles(None, None, None)
    port = port or (TLS_PORT if kind is Kind.TLS else PLAIN_PORT)
    return Endpoint(name, address, kind, where or "localhost", port, tls=tls)


def _ssh(name: str, address: str, user: str, password: str | None, where: str, port: int, path: str) -> Endpoint:
    problem = ""
    if password is not None:
        address = address.replace(f":{password}@", ":…@")  # it is shown
        problem = "Its address holds a password, which docker refuses, too. Use a key, or let ssh ask."
    elif not HOST_NAME.fullmatch(where) or (user and not USER_NAME.fullmatch(user)):
        problem = "Its address names no computer."
    return Endpoint(name, address, Kind.SSH, where, port, user, path.rstrip("/"), problem=problem)


def _default(store: ContextStore, environment: Mapping[str, str]) -> Endpoint:
    address = environment.get("DOCKER_HOST") or docker_address(host().default_docker_socket)
    tls = None
    if environment.get("DOCKER_TLS_VERIFY") or environment.get("DOCKER_TLS"):
        folder = Path(environment.get("DOCKER_CERT_PATH") or store.folder)
        tls = _files(folder, verify=bool(environment.get("DOCKER_TLS_VERIFY")))
    return parse(DEFAULT, address, tls)


def _read(store: ContextStore, name: str) -> Endpoint:
    try:
        meta: Mapping[str, Any] = store.read(name) or {}
    except ContextError as error:
        return Endpoint(name, "", Kind.LOCAL, problem=f"{error.message}.")
    folder = store.tls(name)
    endpoints = meta.get("Endpoints")
    docker = endpoints.get("docker") if isinstance(endpoints, dict) else None
    skip = bool(docker.get("SkipTLSVerify")) if isinstance(docker, dict) else False
    tls = _files(folder, verify=not skip)
    return parse(name, endpoint(meta), tls if skip or (tls.ca or tls.cert) else None)


def _files(folder: Path, *, verify: bool) -> TlsFiles:
    ca, cert, key = (path if path.is_file() else None for path in (folder / f"{name}.pem" for name in PEMS))
    return TlsFiles(ca, cert, key, verify)


PEMS = ("ca", "cert", "key")
