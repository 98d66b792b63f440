"""A container to run: as a ``docker run`` line and as the API's config, with checks of each field."""

from __future__ import annotations

import contextlib
import math
import shlex
import socket
from dataclasses import dataclass
from typing import Any

PLATFORMS = ("", "linux/amd64", "linux/arm64")
POLICIES = ("no", "on-failure", "unless-stopped", "always")


@dataclass(frozen=True)
class RunRequest:
    """A container to run. Lists are in the notation of ``docker run``."""

    image: str
    name: str = ""
    command: str = ""
    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    environment: tuple[str, ...] = ()
    network: str = ""
    restart: str = "no"
    cpus: str = ""
    memory: str = ""
    platform: str = ""
    terminal: bool = False
    remove: bool = False

    def command_line(self) -> str:
        """The equivalent ``docker run`` line for a POSIX shell.

        :raise ValueError: the command cannot be parsed.
        """
        words = ["docker", "run", "-it" if self.terminal else "-d"]
        words += ["--rm"] if self.remove else []
        for option, value in (
            ("--name", self.name),
            ("--network", self.network),
            ("--restart", "" if self.restart == "no" else self.restart),
            ("--cpus", self.cpus),
            ("--memory", self.memory),
            ("--platform", self.platform),
        ):
            words += [option, value] if value else []
        for option, values in (("-p", self.ports), ("-v", self.volumes), ("-e", self.environment)):
            for value in values:
                words += [option, value]
        return shlex.join([*words, self.image or "IMAGE", *shlex.split(self.command)])

    def config(self) -> dict[str, Any]:
        """The API's ContainerConfig with its HostConfig.

        :raise ValueError: a field cannot be parsed.
        """
        bindings: dict[str, list[dict[str, str]]] = {}
        for text in self.ports:
            for address, outer, inner in parse_ports(text):
                bindings.setdefault(inner, []).append({"HostIp": address, "HostPort": outer})
        host: dict[str, Any] = {
            "PortBindings": bindings,
            "Binds": list(self.volumes),
            "RestartPolicy": {"Name": self.restart},
            "AutoRemove": self.remove,
        }
        if self.network:
            host["NetworkMode"] = self.network
        if self.cpus:
            host["NanoCpus"] = int(float(self.cpus) * 1e9)
        if self.memory:
            host["Memory"] = parse_memory(self.memory)
        config: dict[str, Any] = {
            "Image": self.image,
            "Env": list(self.environment),
            "ExposedPorts": {inner: {} for inner in bindings},
            "Tty": self.terminal,
            "OpenStdin": self.terminal,
            "HostConfig": host,
        }
        if self.command:
            config["Cmd"] = shlex.split(self.command)
        return config


def parse_ports(text: str) -> list[tuple[str, str, str]]:
    """Parse ``[[ADDRESS:]PORTS:]PORTS[/PROTOCOL]``: host address, host port and ``PORT/PROTOCOL`` of each port.

    PORTS is a port or a range such as ``8000-8010``. From a host range for one container port, the engine chooses.

    :raise ValueError: the text is not in this form.
    """
    place, _, protocol = text.strip().partition("/")
    address, outer, inner = "", "", place
    if ":" in place:
        outer, _, inner = place.rpartition(":")
        if ":" in outer:
            address, _, outer = outer.rpartition(":")
    if protocol not in ("", "tcp", "udp", "sctp"):
        raise ValueError(f"“{protocol}” is not a protocol: tcp, udp or sctp")
    ports = _range(inner)
    here = [str(port) for port in _range(outer)] if outer else [""] * len(ports)
    if len(ports) == 1 and len(here) > 1:
        here = [outer]
    if len(here) != len(ports):
        raise ValueError(f"{outer} has {len(here)} ports and {inner} has {len(ports)}: the numbers must be equal")
    kind = protocol or "tcp"
    return [(address.strip("[]"), outside, f"{port}/{kind}") for outside, port in zip(here, ports, strict=True)]


def _range(text: str) -> range:
    """Parse ``80`` or ``8000-8010``.

    :raise ValueError: the text is neither.
    """
    first, dash, last = text.partition("-")
    for number in (first, *([last] if dash else [])):
        if not number.isdigit() or not 0 < int(number) < 65536:
            raise ValueError(f"“{number}” is not a port: 1 to 65535")
    end = int(last) if dash else int(first)
    if end < int(first):
        raise ValueError(f"“{text}” is not a range: the lower port comes first")
    return range(int(first), end + 1)


def parse_memory(text: str) -> int:
    """Parse ``512m`` or ``2g`` into bytes, as the docker command does.

    :raise ValueError: the text is not a size.
    """
    text = text.strip().lower().removesuffix("b")
    factor = {"k": 2**10, "m": 2**20, "g": 2**30}.get(text[-1:], 1)
    number = text[:-1] if factor > 1 else text
    try:
        return int(float(number) * factor)
    except (ValueError, OverflowError):
        raise ValueError("Enter a size with k, m or g, such as 512m") from None


def is_port_free(address: str, port: int, protocol: str) -> bool:
    """Whether a port of the host is free now."""
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with contextlib.closing(socket.socket(socket.AF_INET, kind)) as tried:
        try:
            tried.bind((address or "0.0.0.0", port))
        except OSError:
            return False
    return True


def parts(text: str) -> tuple[str, ...]:
    """Split a text at commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def name_error(text: str) -> str:
    """Why a text is not a container name by dockerd's rule; empty when it is one."""
    if not text:
        return "Enter a name."
    if not text[0].isalnum() or not text.isascii():
        return "A name begins with a letter or digit."
    wrong = [letter for letter in text if not (letter.isalnum() or letter in "_.-")]
    if wrong:
        return f"“{wrong[0]}” is not allowed: use letters, digits, “_”, “.” and “-”."
    return "" if len(text) > 1 else "A name has at least two characters."


def optional_name_error(text: str) -> str:
    """As :func:`name_error`; an empty text is valid."""
    return name_error(text) if text else ""


def command_error(text: str) -> str:
    """Why a text is not a command line; empty when it is one."""
    try:
        shlex.split(text)
    except ValueError:
        return "A closing quotation mark is missing."
    return ""


def cpu_error(text: str) -> str:
    """Why a text is not a number of CPUs; empty when it is one or empty."""
    try:
        return "" if not text or 0 < float(text) < math.inf else "Enter more than 0."
    except ValueError:
        return "Enter a number, such as 1.5."


def memory_error(text: str) -> str:
    """Why a text is not a memory limit; empty when it is one or empty."""
    if not text:
        return ""
    try:
        return "" if parse_memory(text) >= 6 * 2**20 else "The least is 6m."
    except ValueError as error:
        return f"{error}."
