"""Reads sources.toml: what the packages are made of besides Python packages."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from installers.common.layout import WINDOWS, Layout

FILE = Path(__file__).with_name("sources.toml")

CLIENTS = ("docker", "buildx", "compose")
PROGRAMS = (*CLIENTS, "dockerd")
"""The programs that are compiled, by their tables in the file; the last one is for Windows only."""

FOR_WINDOWS = "_windows.go"
"""What the names of source files end with that Go compiles for Windows only."""


@dataclass(frozen=True)
class PythonSource:
    """A Python inside an artifact of Maven's.

    :ivar artifact: ``group:name:version:jar``.
    :ivar classifier: the computer it is for, as the artifact calls it.
    :ivar sha256: the hash of the jar.
    """

    artifact: str
    classifier: str
    sha256: str

    @property
    def folder(self) -> str:
        """Where it lies in the jar."""
        group, name, *_ = self.artifact.split(":")
        return "/".join((*group.split("."), name, self.classifier))


@dataclass(frozen=True)
class GoSource:
    """A program in a Go module.

    :ivar sum: the module's hash, as Go writes it (``h1:…``).
    :ivar package: the program's folder in the module.
    :ivar program: what it is called below ``docker/`` in the package for Windows.
    :ivar variables: string variables that the linker sets, such as the version.
    :ivar tags: build constraints that hold (``go help buildconstraint``).
    :ivar added: source files of ours, beside this one → their places in the module.
    """

    module: str
    version: str
    sum: str
    package: str
    program: str
    variables: tuple[str, ...]
    tags: tuple[str, ...] = field(default=(), repr=False)
    added: Mapping[str, str] = field(default_factory=dict)

    @property
    def constraints(self) -> list[str]:
        """Go's options for the tags."""
        return ["-tags", ",".join(self.tags)] if self.tags else []

    @property
    def flags(self) -> str:
        """The linker's flags: no symbol tables, and the variables."""
        return " ".join(["-s", "-w", *(f"-X {variable}" for variable in self.variables)])


@dataclass(frozen=True)
class NsisSource:
    """NSIS as Debian packages it.

    :ivar version: as makensis tells it.
    :ivar files: file below ``/usr/share/nsis`` → SHA-256.
    """

    version: str
    files: dict[str, str]


def _tables() -> dict[str, dict[str, Any]]:
    with FILE.open("rb") as stream:
        return tomllib.load(stream)


def python_source(name: str = "python") -> PythonSource:
    """Where the Python of the package for Windows comes from, or the one of this computer, for ``linux``."""
    return PythonSource(**_tables()[name])


def go_source(name: str, layout: Layout) -> GoSource:
    """Where one of :data:`PROGRAMS` comes from, and what it is called on a system."""
    table = _tables()[name]
    lists = {name: tuple(value) for name, value in table.items() if isinstance(value, list)}
    source = GoSource(**{**table, **lists})
    if layout is WINDOWS:
        return source
    added = {file: place.replace(FOR_WINDOWS, ".go") for file, place in source.added.items()}
    return replace(source, program=source.program.removesuffix(WINDOWS.suffix), added=added)


def nsis_source() -> NsisSource:
    """The parts of NSIS that go into the installer."""
    return NsisSource(**_tables()["nsis"])
