"""What the desktop part may ask of the host, and the launch that is written into its menu or its login."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from vm.host import host, programs
from vm.host.paths import Paths

APP = "slipway"
BACKGROUND = "--background"
"""The option of ``slipway open`` that shows the tray icon only."""

CARRIED = ("SLIPWAY_HOME", "SLIPWAY_CACHE")
"""Variables that say which installation is meant; neither a menu nor a login knows them."""


@dataclass(frozen=True)
class Launch:
    """How Slipway's window is opened from outside.

    :ivar name: stands for this installation among others; file names are made of it.
    :ivar command: program and arguments.    :ivar environment: variables it needs.
    """

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, paths: Paths, *, background: bool = False) -> Launch:
        """The launch of the installation at ``paths``: the same as ``slipway open``."""
        default = host().default_home()
        mark = hashlib.sha256(os.fsencode(paths.home)).hexdigest()[:8]
        packaged = programs.launcher()
        opening = (
            [str(packaged[0]), *packaged[1]] if packaged is not None else programs.program("desktop.cli", "open")
        )
        return cls(
            APP if paths.home == default else f"{APP}-{mark}",
            (*opening, *((BACKGROUND,) if background else ())),
            {name: os.environ[name] for name in CARRIED if os.environ.get(name)},
        )


class System(Protocol):
    """The host's desktop."""

    @property
    def no_menu(self) -> str:
        """Why Slipway cannot put itself into the menu here; empty where it can."""
        ...

    def starts_at_login(self, launch: Launch) -> bool:
        """Whether exactly this launch happens at the user's next login."""
        ...

    def switched_off(self, launch: Launch) -> str:
        """Where the user has switched the entry off without removing it (``in the Task Manager``); else empty."""
        ...

    def start_at_login(self, launch: Launch, wanted: bool) -> None:
        """Make it happen, or see that no entry of this installation is left.

        :raise HostError: it cannot be written.
        """
        ...

    def add_to_menu(self, launch: Launch) -> tuple[Path, ...]:
        """Put Slipway among the applications, to click on; the files that say so.

        :raise HostError: it cannot be written, or :attr:`no_menu`.
        """
        ...

    def remove_from_menu(self, launch: Launch) -> bool:
        """Remove it; return whether it was there."""
        ...


class PathVariable(Protocol):
    """The variable PATH as Windows stores it, of this user or of the computer."""

    def read(self) -> str:
        """The value, unexpanded; empty when there is none.

        :raise OSError: it cannot be read.
        """
        ...

    def write(self, value: str) -> None:
        """Store the value, of the kind it had; an empty one is removed.

        :raise OSError: it cannot be written.
        """
        ...
