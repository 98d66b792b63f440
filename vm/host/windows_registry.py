"""Values of Windows' registry, by Python's winreg. It can be imported everywhere, and used on Windows only."""

from __future__ import annotations

import importlib
from typing import Any

from vm.host.proxies import INTERNET

USER, COMPUTER = "HKEY_CURRENT_USER", "HKEY_LOCAL_MACHINE"

CURRENT_VERSION = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion"
POLICIES = r"Software\Policies\Microsoft\Windows\CurrentVersion\Internet Settings"


def values(root: str, key: str) -> dict[str, object]:
    """All values of a key; none where there is no such key, or it may not be read.

    :param root: :data:`USER` or :data:`COMPUTER`.
    """
    winreg = _winreg()
    found: dict[str, object] = {}
    try:
        with winreg.OpenKey(getattr(winreg, root), key) as opened:
            for number in range(winreg.QueryInfoKey(opened)[1]):
                name, value, _ = winreg.EnumValue(opened, number)
                found[name] = value
    except OSError:
        return found
    return found


def subkeys(root: str, key: str) -> list[str]:
    """The names of the keys below a key; see :func:`values`."""
    winreg = _winreg()
    try:
        with winreg.OpenKey(getattr(winreg, root), key) as opened:
            return [winreg.EnumKey(opened, number) for number in range(winreg.QueryInfoKey(opened)[0])]
    except OSError:
        return []


def version() -> dict[str, object]:
    """What Windows this is: ``EditionID`` (``Professional``, ``Core`` for Home), ``InstallationType`` …"""
    return values(COMPUTER, CURRENT_VERSION)


def internet_settings() -> dict[str, object]:
    """The proxy's values: this user's, or the computer's where an administrator wants that (a group policy)."""
    for_all = values(COMPUTER, POLICIES).get("ProxySettingsPerUser") == 0
    return values(COMPUTER if for_all else USER, INTERNET)


def _winreg() -> Any:
    return importlib.import_module("winreg")  # only Windows' Python has it
