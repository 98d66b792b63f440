"""The settings, and the desktop's menu."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class SettingsReport:
    """The settings, for a form.

    :ivar stored: as they were set; 0 where Slipway chooses.    :ivar used: with what it has chosen.
    :ivar chosen: what it would choose for everything.
    :ivar no_menu: why Slipway cannot put itself into the desktop's menu; empty where it can.
    :ivar no_windows: why the settings of the engine for Windows containers are not used; empty where they are.
    """

    stored: Mapping[str, Any]
    used: Mapping[str, Any]
    chosen: Mapping[str, Any]
    host_cpus: int
    host_memory_mib: int
    no_menu: str = ""
    no_windows: str = ""


@dataclass(frozen=True)
class ChangeSettings:
    """Sets some settings, all or none.

    :ivar changes: by dotted path; the value as JSON or a plain word.
    """

    changes: Mapping[str, str]


@dataclass(frozen=True)
class ChangeMenu:
    """Puts Slipway into the desktop's menu of applications, or takes it away."""

    wanted: bool
