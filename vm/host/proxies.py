"""The proxy the host's programs are to use, read from where each system keeps it.

Variables go first, as with curl; then the desktop's own setting. A proxy that a script chooses (PAC) is not
followed: it would have to be run for each address. That there is one is reported.
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
    :ivar passed_over: what the host is set to and cannot be followed, for a person; empty: nothing.
    """

    http: str = ""
    https: str = ""
    no: str = ""
    passed_over: str = ""

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
    if values.get(" mode") == "auto":
        return Proxies(passed_over=f"it is chosen by a script ({values.get(' autoconfig-url') or 'WPAD'})")
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

    script = values.get("ProxyAutoConfigURLString", "WPAD") if values.get("ProxyAutoConfigEnable") == "1" else ""
    passed_over = f"it is chosen by a script ({script})" if script else ""
    return Proxies(address("HTTP"), address("HTTPS"), ",".join(no), passed_over)


INTERNET = r"Software\Microsoft\Windows\CurrentVersion\Internet Settings"
"""The registry's key with a user's proxy, and the computer's."""


def from_windows(values: Mapping[str, object]) -> Proxies:
    """Windows' Internet settings: one server for all, or ``http=…;https=…``; exceptions with ``;`` between.

    :param values: of the key :data:`INTERNET`.
    """
    script = str(values.get("AutoConfigURL") or "")
    passed_over = [f"it is chosen by a script ({script})"] if script else []
    if values.get("ProxyEnable") != 1:
        return Proxies(passed_over="; ".join(passed_over))
    server = str(values.get("ProxyServer") or "").strip()
    words = [word for word in re.split(r"[;\s]+", server) if word]
    parts: dict[str, str] = dict(word.split("=", 1) for word in words if "=" in word)
    both = next((word for word in words if "=" not in word), "")
    if "socks" in parts:
        passed_over.append(f"it is a SOCKS proxy ({parts['socks']})")
    no = re.split(r"[;\s]+", str(values.get("ProxyOverride") or ""))
    return Proxies(
        _complete(parts.get("http", both)),
        _complete(parts.get("https", both)),
        ",".join(_exception(host) for host in no if host and host.lower() != "<local>"),
        "; ".join(passed_over),
    )


def _exception(host: str) -> str:
    """An exception of Windows' as NO_PROXY has it: networks by their length, not by stars."""
    host = re.sub(r"^[a-z]+://", "", host, flags=re.IGNORECASE)
    match = re.fullmatch(r"((?:\d{1,3}\.){1,3})\*(?:\.\*)*", host)
    if match is None:
        return host
    numbers = match[1].rstrip(".").split(".")
    return f"{'.'.join([*numbers, '0', '0', '0'][:4])}/{8 * len(numbers)}"


def _address(host: str, port: str) -> str:
    return f"http://{host}:{port}" if host and port not in ("", "0") else ""


def _complete(address: str) -> str:
    return address if "://" in address or not address else f"http://{address}"
