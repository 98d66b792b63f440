"""What dockerd's daemon.json may say: known keys and their types, so that a slip is refused before it is applied.

dockerd does not start with an unknown key or a wrong type. The keys are those of ``daemon/config`` in Moby 28;
``dockerd --validate`` has the last word where the machine runs (desktop/supervisor/preferences.py).
"""

from __future__ import annotations

import difflib
import ipaddress
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

OWNED = frozenset(
    {
        *("hosts", "data-root", "exec-root", "containerd", "pidfile", "group", "graph", "containerd-namespace"),
        *("userland-proxy", "userland-proxy-path"),  # it asks this computer for the ports of containers
    }
)
"""Keys that the machine depends on, so they are not the user's to set."""

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
    **dict.fromkeys(_FLAGS.split(), "true or false"),
    **dict.fromkeys(_TEXTS.split(), "a text"),
    **dict.fromkeys(_NUMBERS.split(), "a whole number"),
    **dict.fromkeys(_LISTS.split(), "a list of texts"),
    **dict.fromkeys(_OBJECTS.split(), "an object"),
    "default-address-pools": "a list of objects",
}
"""Key → what its value has to be."""

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
"""Keys with IP addresses, which dockerd looks at only when it starts, and what reads them."""

RUNTIMES = ("runc", "io.containerd.runc.v2")
"""What dockerd can use without being told of it."""

PROXIES = ("http-proxy", "https-proxy", "no-proxy")
PROXY_SCHEMES = ("http", "https", "socks5")

_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)(:\d{1,5})?(/\d{1,3})?")


@dataclass(frozen=True)
class Trouble:
    """Why a daemon.json cannot be used, and what to do. :ivar key: the member it is about."""

    key: str
    why: str
    hint: str


def trouble(daemon: Mapping[str, Any]) -> Trouble | None:
    """The first thing in ``daemon`` that cannot be used; None when there is none."""
    for key, value in daemon.items():
        if key in OWNED:
            return Trouble(
                key, "is not yours to set: the machine depends on it", "Leave it out; the rest is free."
            )
        kind = KINDS.get(key)
        if kind is None:
            near = difflib.get_close_matches(key, KINDS, 1, 0.6)
            guess = f"Did you mean “{near[0]}”?" if near else "Leave it out: dockerd would not start with it."
            return Trouble(key, "is no setting of dockerd's", guess)
        if not _FITS[kind](value):
            return Trouble(key, f"has to be {kind}, not {json.dumps(value, ensure_ascii=False)}", "")
        found = _look_closer(key, value) or _runtime_trouble(key, value, daemon)
        if found:
            return Trouble(key, *found)
    return None


def _runtime_trouble(key: str, value: Any, daemon: Mapping[str, Any]) -> tuple[str, str] | None:
    runtimes = daemon.get("runtimes")
    if key != "default-runtime" or value in RUNTIMES or (isinstance(runtimes, dict) and value in runtimes):
        return None
    return f"is “{value}”, which is none of “runtimes”", "Name it there, or leave it at runc."


def _look_closer(key: str, value: Any) -> tuple[str, str] | None:
    if key in CHOICES and value not in CHOICES[key]:
        return f"cannot be “{value}”", f"Choose one of: {', '.join(CHOICES[key])}."
    if key in ADDRESSES:
        wrong = [item for item in ([value] if isinstance(value, str) else value) if not _reads(key, item)]
        if wrong:
            return (
                f"has “{wrong[0]}”, which is no address of its kind",
                "An address is like 10.9.0.1, with its network 10.9.0.1/24.",
            )
    if key == "registry-mirrors":
        wrong = [item for item in value if not _is_mirror(item)]
        if wrong:
            return f"has “{wrong[0]}”, which is no address", "A mirror's address is like https://mirror.example."
    if key == "insecure-registries":
        wrong = [item for item in value if not _HOST.fullmatch(item)]
        if wrong:
            hint = "Write it as HOST, HOST:PORT or a range such as 10.0.0.0/8, without http://."
            return f"has “{wrong[0]}”, which is no registry", hint
    if key == "proxies":
        return _proxy_trouble(value)
    if key == "log-opts" and not all(isinstance(item, str) for item in value.values()):
        return "has a value that is not a text", 'dockerd wants texts there, such as {"max-size": "10m"}.'
    return None


def _proxy_trouble(value: Mapping[str, Any]) -> tuple[str, str] | None:
    for name, address in value.items():
        if name not in PROXIES or not isinstance(address, str):
            return f"has “{name}”, which is not one of its texts", f"There are: {', '.join(PROXIES)}."
        if name == "no-proxy" or not address:
            continue
        why = proxy_trouble(address)
        if why:
            return f"has “{name}”, which {why}", "Write it as http://HOST:PORT."
    return None


def proxy_trouble(address: str) -> str:
    """Why an address is not one of a proxy; empty when it is fine."""
    if "://" not in address:
        return "does not say http:// or https://"
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return "has a port that is not a number up to 65535"
    if parts.scheme not in PROXY_SCHEMES:
        return f"begins with {parts.scheme}://, which dockerd cannot use"
    if not parts.hostname or any(letter.isspace() for letter in address):
        return "names no host"
    return "has the port 0" if port == 0 else ""


def _reads(key: str, address: str) -> bool:
    try:
        ADDRESSES[key](address)
    except ValueError:
        return False
    return not address.isdecimal()


def _is_mirror(address: str) -> bool:
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and bool(parts.hostname) and not parts.query and not parts.fragment


def _is_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


_FITS: dict[str, Callable[[Any], bool]] = {
    "true or false": lambda value: isinstance(value, bool),
    "a text": lambda value: isinstance(value, str),
    "a whole number": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "a list of texts": _is_texts,
    "an object": lambda value: isinstance(value, dict),
    "a list of objects": lambda value: isinstance(value, list) and all(isinstance(item, dict) for item in value),
}
