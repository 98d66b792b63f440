"""Runs a program as an administrator, after Windows has asked the user (User Account Control).

Source: Microsoft, "ShellExecuteExW", verb ``runas``. It can be imported everywhere, and used on Windows only.
"""

from __future__ import annotations

import ctypes
import subprocess
from collections.abc import Sequence
from ctypes import wintypes
from typing import Any

from vm.errors import HostError

NOCLOSEPROCESS, NO_CONSOLE = 0x40, 0x8000
HIDE = 0
INFINITE = 0xFFFFFFFF
CANCELLED = 1223
"""ERROR_CANCELLED: the user has said no."""


class _Execute(ctypes.Structure):
    """SHELLEXECUTEINFOW (shellapi.h)."""

    _fields_ = (
        ("size", wintypes.DWORD),
        ("mask", wintypes.ULONG),
        ("window", wintypes.HWND),
        ("verb", wintypes.LPCWSTR),
        ("file", wintypes.LPCWSTR),
        ("parameters", wintypes.LPCWSTR),
        ("directory", wintypes.LPCWSTR),
        ("show", ctypes.c_int),
        ("instance", wintypes.HINSTANCE),
        ("items", ctypes.c_void_p),
        ("name", wintypes.LPCWSTR),
        ("key", wintypes.HKEY),
        ("hotkey", wintypes.DWORD),
        ("icon", wintypes.HANDLE),
        ("process", wintypes.HANDLE),
    )


def run_elevated(argv: Sequence[str]) -> int:
    """Run a program to its end, and wait; its exit code. Blocks.

    :raise HostError: the user has refused, or it cannot be started.
    """
    dlls = _windll()
    shell, kernel = dlls.WinDLL("shell32", use_last_error=True), dlls.WinDLL("kernel32", use_last_error=True)
    order = _Execute(
        size=ctypes.sizeof(_Execute),
        mask=NOCLOSEPROCESS | NO_CONSOLE,
        verb="runas",
        file=argv[0],
        parameters=subprocess.list2cmdline(argv[1:]),
        show=HIDE,
    )
    if not shell.ShellExecuteExW(ctypes.byref(order)):
        code = dlls.get_last_error()
        if code == CANCELLED:
            raise HostError(
                "It was not allowed, and nothing has changed",
                "Try again, and choose Yes when Windows asks, or have an administrator type their password there.",
            )
        raise HostError(
            "Windows does not run it as an administrator, and nothing has changed",
            "Ask whoever administers this computer: a policy may forbid it.",
            f"ShellExecuteExW: Windows' error {code}",
        )
    code = wintypes.DWORD()
    try:
        kernel.WaitForSingleObject(wintypes.HANDLE(order.process), INFINITE)
        kernel.GetExitCodeProcess(wintypes.HANDLE(order.process), ctypes.byref(code))
    finally:
        kernel.CloseHandle(wintypes.HANDLE(order.process))
    return code.value


def _windll() -> Any:
    return ctypes  # what of it is there on Windows only has no types elsewhere
