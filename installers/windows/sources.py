"""Reads sources.toml: what the package is made of besides Python packages."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = Path(__file__).with_name("sources.toml")

PROGRAMS = ("docker", "buildx", "compose", "dockerd")
"""The programs that are compiled, by their tables in the file."""


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
    :ivar program: what it is called below ``docker/`` in the package.
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
    """Where the Python of the package comes from, or the ``compiler`` of its files."""
    return PythonSource(**_tables()[name])


def go_source(name: str) -> GoSource:
    """Where one of :data:`PROGRAMS` comes from."""
    table = _tables()[name]
    lists = {name: tuple(value) for name, value in table.items() if isinstance(value, list)}
    return GoSource(**{**table, **lists})


def nsis_source() -> NsisSource:
    """The parts of NSIS that go into the installer."""
    return NsisSource(**_tables()["nsis"])
