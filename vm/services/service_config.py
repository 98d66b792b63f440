"""The configuration of a service of Windows, changed as ``sc config`` does it, which Wine's ``sc`` does not know.

Source: Microsoft, "ChangeServiceConfigW". It can be imported everywhere, and used on Windows only.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from vm.errors import HostError

DEMAND, DISABLED = 3, 4
"""When a service starts: when it is asked to; never (winsvc.h)."""

CONNECT, CHANGE_CONFIG, NO_CHANGE = 0x1, 0x2, 0xFFFFFFFF


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
    windows: Any = ctypes
    return HostError(f"The service {name} cannot be configured", "", f"Windows' error {windows.get_last_error()}")


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
