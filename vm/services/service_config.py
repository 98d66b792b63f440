"""The configuration of a service of Windows, changed as ``sc config`` does it, which Wine's ``sc`` does not know.

Source: Microsoft, "ChangeServiceConfigW", "OpenServiceW". It can be imported everywhere, and used on Windows only.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vm.errors import HostError

DEMAND, DISABLED = 3, 4
"""When a service starts: when it is asked to; never (winsvc.h)."""

CONNECT, CHANGE_CONFIG, START, NO_CHANGE = 0x1, 0x2, 0x10, 0xFFFFFFFF
ACCESS_DENIED = 5


def change_config(name: str, start: int, command: str | None = None, title: str | None = None) -> None:
    """Change when a service starts, and its command line and title unless they are None.

    :param start: :data:`DEMAND` or :data:`DISABLED`.
    :raise HostError: it is not there, or may not be changed.
    """
    api = _api()
    more = [command, None, None, None, None, None, title]
    with (
        _opened(name, api.OpenSCManagerW(None, None, CONNECT)) as manager,
        _opened(name, api.OpenServiceW(manager, name, CHANGE_CONFIG)) as service,
    ):
        if not api.ChangeServiceConfigW(service, NO_CHANGE, start, NO_CHANGE, *more):
            raise _error(name)


def may_start(name: str) -> bool:
    """Whether this user may start a service. :raise HostError: it is not there, or Windows does not tell."""
    api = _api()
    with _opened(name, api.OpenSCManagerW(None, None, CONNECT)) as manager:
        handle = api.OpenServiceW(manager, name, START)
        if not handle and _last_error() == ACCESS_DENIED:
            return False
        with _opened(name, handle):
            return True


@contextmanager
def _opened(name: str, handle: int | None) -> Iterator[ctypes.c_void_p]:
    if not handle:
        raise _error(name)
    opened = ctypes.c_void_p(handle)
    try:
        yield opened
    finally:
        _api().CloseServiceHandle(opened)


def _error(name: str) -> HostError:
    return HostError(f"The service {name} cannot be configured", "", f"Windows' error {_last_error()}")


def _last_error() -> int:
    windows: Any = ctypes
    return int(windows.get_last_error())


def _api() -> Any:
    windows: Any = ctypes  # what of it is there on Windows only has no types elsewhere
    api = windows.WinDLL("advapi32", use_last_error=True)
    api.OpenSCManagerW.restype = api.OpenServiceW.restype = ctypes.c_void_p
    text, number, handle = ctypes.c_wchar_p, ctypes.c_uint32, ctypes.c_void_p
    api.OpenSCManagerW.argtypes = (text, text, number)
    api.OpenServiceW.argtypes = (handle, text, number)
    api.ChangeServiceConfigW.argtypes = (
        *(handle, number, number, number),
        *(text, text, handle, text, text, text, text),
    )
    api.CloseServiceHandle.argtypes = (handle,)
    return api
