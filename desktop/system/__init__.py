"""What the desktop part needs of the host: starting at login, a place in its menu; the second selector.

base.py      the System protocol and the launch it is given
linux.py     macos.py     windows.py     registry.py (Windows' registry)
"""

from __future__ import annotations

import sys

from desktop.system.base import Launch, System
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


__all__ = ["Launch", "System", "system"]
