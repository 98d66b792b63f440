"""The proxy inside the machine: the host's, by the names the machine has for it.

dockerd reads its own from ``proxies`` in daemon.json. Containers get theirs as variables when they are created
(endpoint/admission/proxies.py), as the docker command does it from ``proxies`` in its config.json; what the user
sets for a container goes first. Steps of a build get them from usr/lib/slipway/build-runc (proxy_follower.py).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from vm.host.proxies import Proxies

HOST = "host.docker.internal"
LOOPBACK = ("localhost", "127.0.0.1", "::1")
DIRECT = (*LOOPBACK, HOST, "gateway.docker.internal", "10.0.2.2")
"""Never by a proxy: the container itself, and the host."""


def from_daemon(proxies: Mapping[str, Any]) -> Proxies:
    """What daemon.json's ``proxies`` says."""
    return Proxies(*(str(proxies.get(key) or "") for key in ("http-proxy", "https-proxy", "no-proxy")))


def for_guest(proxies: Proxies) -> Proxies:
    """The same seen from inside: a proxy on the host's loopback has another name there."""
    if not proxies:
        return Proxies()
    words = (word.strip() for word in proxies.no.split(","))
    given = [word[1:] if word.startswith("*.") else word for word in words if word]  # Go knows no other star
    no = ",".join(dict.fromkeys([*given, *DIRECT]))
    return Proxies(_seen_from_inside(proxies.http), _seen_from_inside(proxies.https), no)


def to_daemon(proxies: Proxies) -> dict[str, str]:
    """For daemon.json."""
    values = {"http-proxy": proxies.http, "https-proxy": proxies.https, "no-proxy": proxies.no}
    return {key: value for key, value in values.items() if value}


def variables(proxies: Proxies) -> dict[str, str]:
    """For a container; some programs know only the small letters, some only the capitals."""
    values = {"HTTP_PROXY": proxies.http, "HTTPS_PROXY": proxies.https, "NO_PROXY": proxies.no}
    return {spelt: value for name, value in values.items() if value for spelt in (name, name.lower())}


def json_variables(proxies: Proxies) -> bytes:
    """For build-runc: members of a JSON array."""
    return ",".join(json.dumps(f"{name}={value}") for name, value in variables(proxies).items()).encode()


def _seen_from_inside(address: str) -> str:
    parts = urlsplit(address)
    if parts.hostname not in LOOPBACK:
        return address
    user, at, _ = parts.netloc.rpartition("@")
    port = f":{parts.port}" if parts.port else ""
    return urlunsplit(parts._replace(netloc=f"{user}{at}{HOST}{port}"))
