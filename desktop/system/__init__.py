"""What the desktop part needs of the host: starting at login, a place in its menu; the second selector.

base.py      the System protocol and the launch it is given
linux.py     macos.py     windows.py     registry.py, registry_path.py (Windows' registry)
"""

from __future__ import annotations

import sys

from desktop.system.base import Launch, PathVariable, System
from vm.errors import HostError


def system() -> System:
    """The host's desktop.

    :raise HostError: Slipway does not know the system.
    """
    if sys.platform == "linux":
        from desktop.system.linux import LinuxSystem

        return LinuxSystem()
    if sys.platform == "darwin":
        from desktop.system.macos import MacSystem

        return MacSystem()
    if sys.platform == "win32":
        from desktop.system.registry import CurrentUser
        from desktop.system.windows import WindowsSystem

        return WindowsSystem(CurrentUser())
    raise HostError(f"Slipway does not run on {sys.platform}", "It runs on Linux, macOS and Windows.")


def path_variable(all_users: bool) -> PathVariable:
    """The stored variable PATH, for programs that are started from now on.

    :param all_users: the computer's; an administrator may change it.
    :raise HostError: this is not Windows; elsewhere packages put their programs on the PATH.
    """
    if sys.platform == "win32":
        from desktop.system.registry_path import RegistryPath

        return RegistryPath(all_users)
    raise HostError("The PATH is changed on Windows only")


__all__ = ["Launch", "PathVariable", "System", "path_variable", "system"]
