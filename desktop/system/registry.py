"""The user's part of Windows' registry, by Python's winreg."""

from __future__ import annotations

import sys
import winreg

assert sys.platform == "win32"


class CurrentUser:
    """See :class:`desktop.system.windows.Registry`."""

    def get(self, key: str, name: str) -> str | bytes | None:
        try:
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key) as opened:
                value, _ = winreg.QueryValueEx(opened, name)
        except FileNotFoundError:
            return None
        return value if isinstance(value, str | bytes) else None

    def set(self, key: str, name: str, value: str) -> None:
        with winreg.CreateKey(winreg.HKEY_CURRENT_USER, key) as opened:
            winreg.SetValueEx(opened, name, 0, winreg.REG_SZ, value)

    def delete(self, key: str, name: str) -> None:
        try:
            with winreg.OpenKey(winreg.HKEY_CURRENT_USER, key, 0, winreg.KEY_SET_VALUE) as opened:
                winreg.DeleteValue(opened, name)
        except FileNotFoundError:
            return
