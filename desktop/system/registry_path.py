"""The PATH variable in Windows' registry, by Python's winreg."""

from __future__ import annotations

import sys
import winreg

assert sys.platform == "win32"

USERS = (winreg.HKEY_CURRENT_USER, "Environment")
COMPUTERS = (winreg.HKEY_LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\Session Manager\Environment")
"""Where Windows stores variables ("Environment Variables", Win32 documentation)."""

NAME = "Path"


class RegistryPath:
    """See :class:`desktop.system.base.PathVariable`.

    :param all_users: the computer's, for which an administrator is needed.
    """

    def __init__(self, all_users: bool) -> None:
        self._root, self._key = COMPUTERS if all_users else USERS

    def read(self) -> str:
        return self._stored()[0]

    def write(self, value: str) -> None:
        kind = self._stored()[1]
        with winreg.CreateKeyEx(self._root, self._key, 0, winreg.KEY_SET_VALUE) as key:
            if value:
                winreg.SetValueEx(key, NAME, 0, kind, value)
            else:
                winreg.DeleteValue(key, NAME)

    def _stored(self) -> tuple[str, int]:
        try:
            with winreg.OpenKey(self._root, self._key) as key:
                value, kind = winreg.QueryValueEx(key, NAME)
        except FileNotFoundError:
            return "", winreg.REG_EXPAND_SZ
        if not isinstance(value, str):
            raise OSError(f"the variable {NAME} is not a text")
        return value, kind
