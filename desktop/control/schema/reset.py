"""Reset: how much it takes away."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class ResetLevel(StrEnum):
    """How much a reset takes away."""

    SETTINGS = "settings"  # the settings only
    DATA = "data"  # everything of the user's in the machine
    ALL = "all"  # also the settings, the machine's system image and what was written outside Slipway's folder


@dataclass(frozen=True)
class Reset:
    """Resets, or asks what a reset of that level would do."""

    level: ResetLevel
