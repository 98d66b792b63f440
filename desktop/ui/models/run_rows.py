"""Ports, volumes and variables of a container, taken apart for the rows of a form and put together again.

The texts are in the notation of ``docker run``. What an image declares is offered as rows to be completed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

DRIVE = re.compile(r"[A-Za-z]:[\\/]")
"""The beginning of a folder of Windows, whose colon separates nothing."""

PRIVILEGED_PORTS = 1024
"""Below it ports are the system's; what a container has there is offered this much higher: 80 at 8080."""
OFFSET = 8000

OWN_VARIABLES = ("PATH",)
"""Variables of an image that are no setting of it."""


def port_row(text: str) -> tuple[str, str]:
    """``127.0.0.1:8080:80/udp`` → what is on the host, and what is in the container."""
    outer, _, inner = text.rpartition(":")
    return outer, inner


def port_text(outer: str, inner: str) -> str:
    """The other way round. Without a host port the engine chooses one."""
    return f"{outer}:{inner}" if outer else inner


def volume_row(text: str) -> tuple[str, str, str]:
    """``data:/srv:ro`` → volume or folder of the host, folder in the container, options."""
    start = 2 if DRIVE.match(text) else 0
    source, _, rest = text[start:].partition(":")
    inside = 2 if DRIVE.match(rest) else 0
    folder, _, options = rest[inside:].partition(":")
    return text[:start] + source, rest[:inside] + folder, options


def volume_text(source: str, folder: str, options: str = "") -> str:
    """The other way round."""
    return ":".join(filter(None, (source, folder, options)))


def is_read_only(options: str) -> bool:
    """Whether a volume is mounted so that a container cannot write to it."""
    return "ro" in options.split(",")


def with_read_only(options: str, wanted: bool) -> str:
    """The options of a volume, with or without ``ro``; the others stay."""
    if is_read_only(options) == wanted:
        return options
    others = [one for one in options.split(",") if one and one not in ("ro", "rw")]
    return ",".join(["ro", *others] if wanted else others)


def volume_problem(source: str, folder: str) -> str:
    """Why this is no volume to mount; empty when it is one."""
    if not source:
        return f"“{folder}”: which volume or folder? Enter a name or a path."
    if source.startswith(("~", ".", "$", "%")):
        return f"“{source}”: enter the whole path, which a shell would complete."
    if not folder.startswith("/") and not DRIVE.match(folder):
        return f"“{source}”: the folder in the container is missing; it begins with “/”."
    if not source.startswith("/") and len(source) < 2:
        return f"“{source}”: a volume name has at least two characters."
    return ""


def variable_row(text: str) -> tuple[str, str]:
    """``NAME=value`` → both."""
    name, _, value = text.partition("=")
    return name, value


def variable_problem(name: str, value: str) -> str:
    """Why this is no variable; empty when it is one."""
    if not name:
        return f"“{value}”: the name of the variable is missing."
    return f"“{name}”: a name has no spaces and no “=”." if re.search(r"[\s=]", name) else ""


def read_env_file(text: str) -> tuple[str, ...]:
    """The variables of a file as ``docker run --env-file`` reads it: a line each; ``#`` begins a comment line.

    A line with a name only takes the value of the docker command's environment, which a form does not have: it is
    left out. Quotation marks belong to the value (docker/cli, opts/file.go).
    """
    lines = (line.lstrip() for line in text.removeprefix("\ufeff").splitlines())
    return tuple(line for line in lines if line and not line.startswith("#") and line.partition("=")[1])


@dataclass(frozen=True)
class Declared:
    """What an image declares: EXPOSE, VOLUME and ENV.

    :ivar ports: such as ``80`` and ``53/udp``.    :ivar variables: name and value.
    """

    ports: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    variables: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, inspected: Mapping[str, Any]) -> Declared:
        """As the engine tells it (ImageInspect)."""
        config = inspected.get("Config") or {}
        ports = sorted(config.get("ExposedPorts") or {}, key=lambda port: (int(port.partition("/")[0]), port))
        variables = [variable_row(text) for text in config.get("Env") or ()]
        return cls(
            tuple(port.removesuffix("/tcp") for port in ports),
            tuple(sorted(config.get("Volumes") or {})),
            tuple(one for one in variables if one[0] not in OWN_VARIABLES),
        )


def free_port(inner: str, is_free: Callable[[str, str], bool], taken: set[str]) -> str:
    """A host port for one of a container; empty where none is free nearby.

    :param inner: such as ``80`` and ``53/udp``.
    :param is_free: of a port and a protocol.    :param taken: ports that were offered already; this one is added.
    """
    number, _, protocol = inner.partition("/")
    first = int(number) if int(number) >= PRIVILEGED_PORTS else int(number) + OFFSET
    for port in range(first, min(first + 100, 65536)):
        if str(port) not in taken and is_free(str(port), protocol or "tcp"):
            taken.add(str(port))
            return str(port)
    return ""
