r"""Windows: the Run key of the user's registry. The Start menu is the business of the installer.

Variables are not carried: those a user sets on Windows hold at his next login too.
"""

from __future__ import annotations

import subprocess
from pathlib import Path, PureWindowsPath
from typing import Protocol

from desktop.system.base import Launch
from vm.errors import HostError

RUN = r"Software\Microsoft\Windows\CurrentVersion\Run"
APPROVED = r"Software\Microsoft\Windows\CurrentVersion\Explorer\StartupApproved\Run"
"""Where the Task Manager notes which entries of Run are switched off: an odd first byte."""


class Registry(Protocol):
    """The values below HKEY_CURRENT_USER."""

    def get(self, key: str, name: str) -> str | bytes | None:
        """A value, or None when there is none."""
        ...

    def set(self, key: str, name: str, value: str) -> None:
        """Set a text.

        :raise OSError: it cannot be written.
        """
        ...

    def delete(self, key: str, name: str) -> None:
        """Remove a value; harmless when there is none."""
        ...


class WindowsSystem:
    """A Windows computer."""

    no_menu = "The installer puts Slipway into the Start menu"

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def starts_at_login(self, launch: Launch) -> bool:
        approved = self._registry.get(APPROVED, launch.name)
        switched_off = isinstance(approved, bytes) and bool(approved) and bool(approved[0] & 1)
        return self._registry.get(RUN, launch.name) == _command(launch) and not switched_off

    def start_at_login(self, launch: Launch, wanted: bool) -> None:
        try:
            self._registry.delete(APPROVED, launch.name)
            if wanted:
                self._registry.set(RUN, launch.name, _command(launch))
            else:
                self._registry.delete(RUN, launch.name)
        except OSError as error:
            raise HostError(
                "Windows' list of what starts at login cannot be changed", detail=str(error)
            ) from error

    def add_to_menu(self, launch: Launch) -> tuple[Path, ...]:
        raise HostError(self.no_menu)

    def remove_from_menu(self, launch: Launch) -> bool:
        return False


def _command(launch: Launch) -> str:
    """The command without a console: ``pythonw.exe`` is Python's own way for that."""
    program = PureWindowsPath(launch.command[0])
    if program.name.lower() == "python.exe":
        program = program.with_name("pythonw.exe")
    return subprocess.list2cmdline([str(program), *launch.command[1:]])
