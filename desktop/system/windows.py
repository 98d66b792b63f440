r"""Windows: the Run key of the user's registry. The Start menu is the business of the installer.

Variables are not carried: those a user sets on Windows hold at his next login too.
"""

from __future__ import annotations

import subprocess
from pathlib import Path, PureWindowsPath
from typing import Protocol

from desktop.system.base import APP, Launch
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
        return self._registry.get(RUN, _name(launch)) == _command(launch) and not self.switched_off(launch)

    def switched_off(self, launch: Launch) -> str:
        approved = self._registry.get(APPROVED, _name(launch))
        is_off = isinstance(approved, bytes) and bool(approved) and bool(approved[0] & 1)
        return "in Windows' Task Manager or Settings (Startup apps)" if is_off else ""

    def start_at_login(self, launch: Launch, wanted: bool) -> None:
        try:
            self._registry.delete(APPROVED, _name(launch))
            if wanted:
                self._registry.set(RUN, _name(launch), _command(launch))
            else:
                self._registry.delete(RUN, _name(launch))
        except OSError as error:
            raise HostError(
                "Windows' list of what starts at login cannot be changed", detail=str(error)
            ) from error

    def add_to_menu(self, launch: Launch) -> tuple[Path, ...]:
        raise HostError(self.no_menu)

    def remove_from_menu(self, launch: Launch) -> bool:
        return False


def _name(launch: Launch) -> str:
    """The name of the value, which the Task Manager may show; capitals do not count in the registry."""
    return launch.name.replace(APP, "Slipway", 1)


def _command(launch: Launch) -> str:
    """The command without a console: ``pythonw.exe`` is Python's own way for that."""
    program = PureWindowsPath(launch.command[0])
    if program.name.lower() == "python.exe":
        program = program.with_name("pythonw.exe")
    return subprocess.list2cmdline([str(program), *launch.command[1:]])
