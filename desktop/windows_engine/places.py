"""The service's name, its folders and files. Only administrators and the system can write there."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PureWindowsPath

SERVICE, DISPLAY_NAME = "SlipwayWindowsEngine", "Slipway Windows Engine"
DESCRIPTION = "Runs Windows containers for Slipway (Moby's dockerd). Slipway starts and stops it."
ADDRESS = "npipe:////./pipe/docker_slipway_windows"
GROUP = "slipway-users"
"""The local group whose members may use the engine's pipe."""


@dataclass(frozen=True)
class Places:
    """:ivar programs: for the program.    :ivar data: for the configuration and the data root."""

    programs: PureWindowsPath
    data: PureWindowsPath

    @classmethod
    def of(cls, environment: Mapping[str, str] = os.environ) -> Places:
        """Where Windows has them."""
        programs = PureWindowsPath(environment.get("ProgramFiles", r"C:\Program Files"))
        data = PureWindowsPath(environment.get("ProgramData", r"C:\ProgramData"))
        return cls(programs / DISPLAY_NAME, data / DISPLAY_NAME)

    @property
    def program(self) -> PureWindowsPath:
        return self.programs / "dockerd.exe"

    @property
    def configuration(self) -> PureWindowsPath:
        return self.data / "daemon.json"

    @property
    def data_root(self) -> PureWindowsPath:
        return self.data / "docker"

    @property
    def record(self) -> PureWindowsPath:
        """What the setup has changed, for its undoing."""
        return self.data / "setup.json"
