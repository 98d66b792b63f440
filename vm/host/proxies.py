"""The proxy the host's programs are to use, read from where each system keeps it.

Variables go first, as with curl; then the desktop's own setting. A proxy that a script chooses (PAC) is not
followed: it would have to be run for each address.
"""

from __future__ import annotations

import ast
import logging
import re
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from vm.host.programs import NO_WINDOW

log = logging.getLogger(__name__)

RUN_SECONDS = 5.0

Run = Callable[[Sequence[str]], str]
"""Runs a program and returns its output; empty when it fails."""


@dataclass(frozen=True)
class Proxies:
    """Addresses such as ``http://proxy.example:3128``; empty: none.

    :ivar no: hosts, domains and networks that are reached directly, as NO_PROXY lists them.
    """

    http: str = ""
    https: str = ""
    no: str = ""

    def __bool__(self) -> bool:
        return bool(self.http or self.https)


def run(argv: Sequence[str]) -> str:
    """See :data:`Run`; blocks."""
    try:
        return subprocess.run(
            argv,
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
            check=True,
            stdin=subprocess.DEVNULL,
            creationflags=NO_WINDOW,
        ).stdout
    except (OSError, subprocess.SubprocessError, UnicodeError) as error:
        log.debug("%s: %s", argv[0], error)
        return ""


def from_variables(environment: Mapping[str, str]) -> Proxies:
    """HTTP_PROXY, HTTPS_PROXY and NO_PROXY, also in small letters, which go first (as in curl)."""

    def value(name: str) -> str:
        return environment.get(name) or environment.get(name.upper()) or ""

    every = value("all_proxy")
    return Proxies(value("http_proxy") or every, value("https_proxy") or every, value("no_proxy"))


def from_gnome(ask: Run) -> Proxies:
    """GNOME's setting, which the portals of KDE and others provide as well: the schema org.gnome.system.proxy."""
    told = ask(["gsettings", "list-recursively", "org.gnome.system.proxy"])
    values = {}
    for line in told.splitlines():
        schema, _, rest = line.partition(" ")
        key, _, value = rest.partition(" ")
        try:
            values[f"{schema.removeprefix('org.gnome.system.proxy').lstrip('.')} {key}"] = ast.literal_eval(
                value.removeprefix("@as ")
            )
        except (ValueError, SyntaxError):
            continue  # true and false; not among what is needed
    if values.get(" mode") != "manual":
        return Proxies()

    def address(kind: str) -> str:
        return _address(str(values.get(f"{kind} host") or ""), str(values.get(f"{kind} port") or ""))

    return Proxies(address("http"), address("https"), ",".join(map(str, values.get(" ignore-hosts") or ())))


def from_scutil(ask: Run) -> Proxies:
    """What ``scutil --proxy`` prints on a Mac (SystemConfiguration, SCSchemaDefinitions.h)."""
    told = ask(["scutil", "--proxy"])
    values = dict(re.findall(r"^  (\w+) : ([^<\n]+)$", told, re.MULTILINE))
    exceptions = re.search(r"ExceptionsList : <array> \{(.*?)\}", told, re.DOTALL)
    no = re.findall(r"\d+ : (\S+)", exceptions[1]) if exceptions else []

    def address(kind: str) -> str:
        on = values.get(f"{kind}Enable") == "1"
        return _address(values.get(f"{kind}Proxy", ""), values.get(f"{kind}Port", "")) if on else ""

    return Proxies(address("HTTP"), address("HTTPS"), ",".join(no))


INTERNET = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Internet Settings"


def from_windows(ask: Run) -> Proxies:
    """The user's Internet settings: one server for all, or ``http=…;https=…``; exceptions with ``;`` between."""
    told = ask(["reg", "query", INTERNET])
    values = dict(re.findall(r"^\s+(\w+)\s+REG_\w+\s+(.*?)\s*$", told, re.MULTILINE))
    if int(values.get("ProxyEnable", "0"), 16) == 0:
        return Proxies()
    server = values.get("ProxyServer", "")
    parts: dict[str, str] = dict(part.split("=", 1) for part in server.split(";") if "=" in part)
    no = [host for host in values.get("ProxyOverride", "").split(";") if host and host != "<local>"]
    both = "" if parts else server
    return Proxies(_complete(parts.get("http", both)), _complete(parts.get("https", both)), ",".join(no))


def _address(host: str, port: str) -> str:
    return f"http://{host}:{port}" if host and port not in ("", "0") else ""


def _complete(address: str) -> str:
    return address if "://" in address or not address else f"http://{address}"
