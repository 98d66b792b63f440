"""What the packages of all systems say of Slipway: its name and version."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from installers.checkout.environment import ROOT

NAME = "Slipway"
DESCRIPTION = "Docker-style containers on any computer"
AUTHORS = "The Slipway authors"

OWN = ("desktop", "vm", "engine", "assets")
"""The folders of the checkout that a package has."""


def project() -> dict[str, Any]:
    """The table ``project`` of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def version() -> str:
    """Slipway's version, as it is shown."""
    return str(project()["version"])


def write_metadata(libraries: Path) -> None:
    """Tell importlib.metadata Slipway's version, which the command line shows."""
    name, licence = project()["name"], project()["license"]
    folder = libraries / f"{name}-{version()}.dist-info"
    folder.mkdir()
    lines = ("Metadata-Version: 2.1", f"Name: {name}", f"Version: {version()}", f"License: {licence}")
    (folder / "METADATA").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
