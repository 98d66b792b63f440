"""What Windows is told about Slipway: in the programs' properties, by the installers, in the list of programs."""

from __future__ import annotations

import tomllib
from typing import Any

from installers.checkout.environment import ROOT

NAME = "Slipway"
COMPANY = "The Slipway authors"
COPYRIGHT = "Copyright The Slipway authors. Apache License 2.0."
DESCRIPTION = "Docker-style containers on any computer"


def project() -> dict[str, Any]:
    """The table ``project`` of pyproject.toml."""
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


def version() -> str:
    """Slipway's version, as it is shown."""
    return str(project()["version"])


def version_numbers() -> tuple[int, int, int, int]:
    """The version as Windows compares them: four numbers; those that ours does not have are zero.

    :raise ValueError: it has other parts than numbers.
    """
    first, second, third, fourth = ([int(part) for part in version().split(".")] + [0, 0, 0, 0])[:4]
    return first, second, third, fourth
