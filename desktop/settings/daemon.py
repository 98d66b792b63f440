"""What dockerd's daemon.json may contain: known keys and their types, so that a mistake is refused in time.

dockerd does not start with an unknown key or a wrong type. The keys are those of ``daemon/config`` in Moby 28, of
Linux here and of Windows in windows_daemon.py; the supervisor also asks ``dockerd --validate``.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from desktop.settings.fields import Problem
from desktop.settings.phrases import Phrase, phrase
from desktop.settings.spelling import nearest

OWNED = frozenset(
    {
        *("hosts", "data-root", "exec-root", "containerd", "pidfile", "group", "graph", "containerd-namespace"),
        *("userland-proxy", "userland-proxy-path"),  # it asks the host for the ports of containers
    }
)
"""Keys that Slipway depends on; users cannot set them."""

RELOADED: Mapping[str, Any] = {
    "insecure-registries": [],
    "registry-mirrors": [],
    "debug": False,
    "labels": [],
    "max-concurrent-downloads": 3,
    "max-concurrent-uploads": 5,
    "max-download-attempts": 5,
    "shutdown-timeout": 15,
}
"""Keys that dockerd takes while it runs (SIGHUP; Moby's daemon/reload.go), and their defaults. There are more,
which take effect in part only."""

_FLAGS = """allow-direct-routing debug experimental icc init ip-forward ip-forward-no-drop ip-masq ip6tables
iptables ipv6 live-restore no-new-privileges raw-logs rootless selinux-enabled tls tlsverify"""
_TEXTS = """bip bip6 bridge cgroup-parent containerd-plugins-namespace default-cgroupns-mode default-gateway
default-gateway-v6 default-ipc-mode default-runtime default-shm-size fixed-cidr fixed-cidr-v6
init-path ip log-driver log-format log-level metrics-addr seccomp-profile storage-driver
swarm-default-advertise-addr tlscacert tlscert tlskey userns-remap"""
_NUMBERS = """cpu-rt-period cpu-rt-runtime max-concurrent-downloads max-concurrent-uploads max-download-attempts
mtu network-control-plane-mtu network-diagnostic-port shutdown-timeout"""
_LISTS = """authorization-plugins cdi-spec-dirs dns dns-opts dns-search exec-opts host-gateway-ips
insecure-registries labels node-generic-resources registry-mirrors storage-opts"""
_OBJECTS = "builder default-network-opts default-ulimits features log-opts proxies runtimes"

KINDS: dict[str, str] = {
    **dict.fromkeys(_FLAGS.split(), phrase("true or false")),
    **dict.fromkeys(_TEXTS.split(), phrase("a string")),
    **dict.fromkeys(_NUMBERS.split(), phrase("a whole number")),
    **dict.fromkeys(_LISTS.split(), phrase("a list of strings")),
    **dict.fromkeys(_OBJECTS.split(), phrase("an object")),
    "default-address-pools": phrase("a list of objects"),
}
"""Key → the type of its value."""

CHOICES = {
    "log-level": ("debug", "info", "warn", "error", "fatal"),
    "log-format": ("text", "json"),
    "default-cgroupns-mode": ("host", "private"),
    "default-ipc-mode": ("private", "shareable"),
    "storage-driver": ("overlay2", "fuse-overlayfs", "btrfs", "vfs"),
}

ADDRESSES: dict[str, Callable[[str], object]] = {
    **dict.fromkeys(("bip", "bip6"), ipaddress.ip_interface),
    **dict.fromkeys(("fixed-cidr", "fixed-cidr-v6"), ipaddress.ip_network),
    **dict.fromkeys(
        ("default-gateway", "default-gateway-v6", "dns", "host-gateway-ips", "ip"),
        ipaddress.ip_address,
    ),
}
"""Keys with IP addresses, which dockerd parses only when it starts, and what parses them."""

RUNTIMES = ("runc", "io.containerd.runc.v2")
"""Runtimes that dockerd has without configuration."""


@dataclass(frozen=True)
class Keys:
    """What one system's dockerd takes.

    :ivar kinds: key → the type of its value.    :ivar owned: keys that users cannot set.
    :ivar choices: key → the only values it takes.    :ivar runtimes: runtimes that need no configuration.
    :ivar exec_opts: how each of ``exec-opts`` begins; empty: that is not checked.
    """

    kinds: Mapping[str, str]
    owned: Collection[str]
    choices: Mapping[str, Collection[str]]
    runtimes: Collection[str]
    exec_opts: str = ""


LINUX = Keys(KINDS, OWNED, CHOICES, RUNTIMES)

PROXIES = ("http-proxy", "https-proxy", "no-proxy")
LEAVE_OUT = phrase("Leave it out.")
UNKNOWN = phrase("Leave it out: dockerd would not start with it.")
AS_PROXY = phrase("Write it as http://HOST:PORT.")

PROXY_SCHEMES = ("http", "https", "socks5")

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?(/\d{1,3})?")


def parsed(daemon: Any) -> Any:
    """The object that a text holds; anything else, and text that is not JSON, stays as it is."""
    if not isinstance(daemon, str):
        return daemon
    try:
        return json.loads(daemon.strip() or "{}")
    except ValueError:
        return daemon


def problems(daemon: object, keys: Keys = LINUX) -> Iterator[Problem]:
    """Everything in ``daemon`` that dockerd would not start with."""
    if isinstance(daemon, str):
        yield Problem(phrase("is not JSON: {why}", why=_json_error(daemon)))
        return
    if not isinstance(daemon, Mapping):
        yield Problem(phrase("must be a JSON object"), phrase("For example: {text}", text='{"debug": true}'))
        return
    for key, value in daemon.items():
        kind = keys.kinds.get(key)
        if key in keys.owned:
            yield Problem(phrase("is not yours to set: Slipway depends on it"), LEAVE_OUT, key)
        elif kind is None:
            near = nearest(key, keys.kinds)
            guess = phrase("Did you mean “{name}”?", name=near) if near else UNKNOWN
            yield Problem(phrase("is not a dockerd setting"), guess, key)
        elif not _FITS[kind](value):
            shown = json.dumps(value, ensure_ascii=False, default=str)
            yield Problem(phrase("must be {kind}, not {value}", kind=kind, value=shown), "", key)
        else:
            yield from (Problem(why, hint, key) for why, hint in _closer(key, value, daemon, keys))
            if key == "proxies":
                yield from _proxy_problems(value)


def _json_error(text: str) -> str:
    try:
        json.loads(text)
    except ValueError as error:
        return str(error)
    return "it is a string"


def _closer(key: str, value: Any, daemon: Mapping[str, Any], keys: Keys) -> Iterator[tuple[str, str]]:
    """What is wrong with a value of the right type."""
    if key in keys.choices and value not in keys.choices[key]:
        yield phrase("cannot be “{value}”", value=value), _one_of(keys.choices[key])
    if key == "exec-opts":
        for item in value:
            if not item.startswith(keys.exec_opts):
                hint = phrase("Write it as {text}VALUE.", text=keys.exec_opts)
                yield phrase("has “{value}”, which dockerd does not know", value=item), hint
    if key in ADDRESSES:
        for item in [value] if isinstance(value, str) else value:
            if not _reads(key, item):
                yield (
                    phrase("has “{value}”, which is not an address of its kind", value=item),
                    phrase("An address is like 10.9.0.1, with its network 10.9.0.1/24."),
                )
    if key == "registry-mirrors":
        for item in value:
            if not _is_mirror(item):
                hint = phrase("Write it like https://mirror.example.")
                yield phrase("has “{value}”, which is not a URL", value=item), hint
    if key == "insecure-registries":
        for item in value:
            if not _HOST.fullmatch(item):
                hint = phrase("Write it as HOST, HOST:PORT or a range such as 10.0.0.0/8, without http://.")
                yield phrase("has “{value}”, which is not a registry", value=item), hint
    if key == "log-opts" and not all(isinstance(item, str) for item in value.values()):
        hint = phrase("dockerd wants strings here, such as {text}.", text='{"max-size": "10m"}')
        yield phrase("has a value that is not a string"), hint
    runtimes = daemon.get("runtimes")
    known = (*keys.runtimes, *(runtimes if isinstance(runtimes, Mapping) else ()))
    if key == "default-runtime" and value not in known:
        hint = _one_of(keys.runtimes)
        if "runtimes" in keys.kinds:
            hint = phrase("{hint} Or add it there.", hint=hint)
        yield phrase("is “{value}”, which is none of “runtimes”", value=value), hint


def _one_of(choices: Collection[str]) -> Phrase:
    return phrase("Choose one of: {choices}.", choices=", ".join(choices))


def _proxy_problems(value: Mapping[str, Any]) -> Iterator[Problem]:
    for name, address in value.items():
        below = f"proxies.{name}"
        if name not in PROXIES:
            yield Problem(phrase("is not a proxy setting"), _one_of(PROXIES), below)
        elif not isinstance(address, str):
            yield Problem(phrase("must be a string"), AS_PROXY, below)
        elif name != "no-proxy" and address:
            why = _proxy_problem(address)
            if why:
                yield Problem(why, AS_PROXY, below)


def _proxy_problem(address: str) -> str:
    """Why an address cannot be that of a proxy; empty when it can."""
    if "://" not in address:
        return phrase("must begin with http:// or https://")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return phrase("has a port that is not a number up to 65535")
    if parts.scheme not in PROXY_SCHEMES:
        return phrase("begins with {scheme}://, which dockerd cannot use", scheme=parts.scheme)
    if not parts.hostname or any(letter.isspace() for letter in address):
        return phrase("has no host name")
    return phrase("has the port 0") if port == 0 else ""


def _reads(key: str, address: str) -> bool:
    try:
        ADDRESSES[key](address)
    except ValueError:
        return False
    return not address.isdecimal()


def _is_mirror(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment


def _is_strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


_FITS: dict[str, Callable[[Any], bool]] = {
    "true or false": lambda value: isinstance(value, bool),
    "a string": lambda value: isinstance(value, str),
    "a whole number": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "a list of strings": _is_strings,
    "an object": lambda value: isinstance(value, dict),
    "a list of objects": lambda value: isinstance(value, list) and all(isinstance(item, dict) for item in value),
}
