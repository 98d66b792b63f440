"""What is to be run: as a ``docker run`` line, as the API has it, and why a text cannot be a part of it."""

from __future__ import annotations

import contextlib
import shlex
import socket
from dataclasses import dataclass
from typing import Any

PLATFORMS = ("", "linux/amd64", "linux/arm64")
POLICIES = ("no", "on-failure", "unless-stopped", "always")


@dataclass(frozen=True)
class RunRequest:
    """What is to be run. Lists are in ``docker run``'s own notation."""

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
        """The same as a ``docker run`` line, for a POSIX shell.

        :raise ValueError: the command cannot be understood.
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

        :raise ValueError: something in it cannot be understood.
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
    """Address, port here, ``PORT/PROTOCOL`` inside, of each port of ``[[ADDRESS:]PORTS:]PORTS[/PROTOCOL]``.

    PORTS is a port or a range such as ``8000-8010``. Of a range for one port inside, the engine takes a free one.

    :raise ValueError: it is none.
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
        raise ValueError(f"{outer} has {len(here)} ports and {inner} has {len(ports)}: as many are needed")
    kind = protocol or "tcp"
    return [(address.strip("[]"), outside, f"{port}/{kind}") for outside, port in zip(here, ports, strict=True)]


def _range(text: str) -> range:
    """The ports of ``80`` or ``8000-8010``.

    :raise ValueError: it is none.
    """
    first, dash, last = text.partition("-")
    for number in (first, *([last] if dash else [])):
        if not number.isdigit() or not 0 < int(number) < 65536:
            raise ValueError(f"“{number}” is not a port: 1 to 65535")
    end = int(last) if dash else int(first)
    if end < int(first):
        raise ValueError(f"“{text}” goes down: say the lower port first")
    return range(int(first), end + 1)


def parse_memory(text: str) -> int:
    """Bytes of ``512m``, ``2g``; units as in the docker command.

    :raise ValueError: it is none.
    """
    text = text.strip().lower().removesuffix("b")
    factor = {"k": 2**10, "m": 2**20, "g": 2**30}.get(text[-1:], 1)
    number = text[:-1] if factor > 1 else text
    try:
        return int(float(number) * factor)
    except ValueError:
        raise ValueError("a number with k, m or g, such as 512m") from None


def is_port_free(address: str, port: int, protocol: str) -> bool:
    """Whether this computer's port can be had now."""
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    with contextlib.closing(socket.socket(socket.AF_INET, kind)) as tried:
        try:
            tried.bind((address or "0.0.0.0", port))
        except OSError:
            return False
    return True


def parts(text: str) -> tuple[str, ...]:
    """What is between the commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def name_trouble(text: str) -> str:
    """Why a text cannot be a container's name (dockerd's own rule); empty when it can."""
    if not text:
        return "Give a name."
    if not text[0].isalnum() or not text.isascii():
        return "Begin with a letter or a digit."
    wrong = [letter for letter in text if not (letter.isalnum() or letter in "_.-")]
    if wrong:
        return f"“{wrong[0]}” cannot be in a name: use letters, digits, “_”, “.” and “-”."
    return "" if len(text) > 1 else "At least two characters."


def optional_name_trouble(text: str) -> str:
    """As :func:`name_trouble`, but a name need not be given."""
    return name_trouble(text) if text else ""


def command_trouble(text: str) -> str:
    """Why a text is no command line; empty when it is one."""
    try:
        shlex.split(text)
    except ValueError:
        return "A quotation mark is missing."
    return ""


def volume_trouble(text: str) -> str:
    """Why a text tells no volumes; empty when it does."""
    for part in parts(text):
        pieces = part.split(":")
        if len(pieces) < 2 or not pieces[1].startswith("/"):
            return f"“{part}”: say SOURCE:/FOLDER, or SOURCE:/FOLDER:ro."
        if not pieces[0].startswith("/") and len(pieces[0]) < 2:
            return f"“{pieces[0]}”: a volume's name has at least two characters."
    return ""


def cpu_trouble(text: str) -> str:
    """Why a text is no number of processors; empty when it is one, or nothing."""
    try:
        return "" if not text or float(text) > 0 else "More than 0."
    except ValueError:
        return "A number, such as 1.5."


def memory_trouble(text: str) -> str:
    """Why a text is no limit of memory; empty when it is one, or nothing."""
    if not text:
        return ""
    try:
        return "" if parse_memory(text) >= 6 * 2**20 else "At least 6m."
    except ValueError as error:
        return f"Say {error}."


def environment_trouble(text: str) -> str:
    """Why lines are no environment; empty when they are."""
    for line in text.splitlines():
        name, equals, _ = line.strip().partition("=")
        if line.strip() and (not equals or not name or " " in name):
            return f"“{line.strip()}”: say NAME=value."
    return ""
