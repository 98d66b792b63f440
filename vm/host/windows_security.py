"""Who may open what we make on Windows: security descriptors in SDDL ([MS-DTYP] 2.5.1), for pipes and folders.

It can be imported everywhere, and used on Windows only.
"""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from contextlib import contextmanager
from ctypes import wintypes
from functools import cache
from pathlib import Path
from typing import Any

TOKEN_QUERY, TOKEN_USER, QUERY_LIMITED_INFORMATION = 0x8, 1, 0x1000
SDDL_REVISION = 1
FILE_OBJECT, KERNEL_OBJECT = 1, 6
OWNER, DACL = 0x1, 0x4
"""Arguments of OpenProcess, OpenProcessToken, GetTokenInformation, Get(Named)SecurityInfo, SetFileSecurityW and
ConvertStringSecurityDescriptorToSecurityDescriptorW (winnt.h, accctrl.h)."""


@cache
def user_sid() -> str:
    """The security identifier of this user, as text ([MS-DTYP] 2.4.2.1). :raise OSError: Windows does not tell."""
    return _sid_of(_kernel().GetCurrentProcess())


def process_sid(number: int) -> str:
    """That of the user a process belongs to. :raise OSError: it is gone, or this user may not examine it."""
    kernel = _kernel()
    process = kernel.OpenProcess(QUERY_LIMITED_INFORMATION, False, number)
    _check(process)
    try:
        return _sid_of(process)
    finally:
        kernel.CloseHandle(process)


def owner_sid(handle: int) -> str:
    """That of the owner of a pipe that is open; only an administrator can make one that is owned by another user.

    :raise OSError: Windows does not tell.
    """
    advapi = _advapi()
    made, owner = ctypes.c_void_p(), ctypes.c_void_p()
    kind, wanted = ctypes.c_int(KERNEL_OBJECT), wintypes.DWORD(OWNER)
    nothing = [None] * 3
    error = advapi.GetSecurityInfo(
        ctypes.c_void_p(handle), kind, wanted, ctypes.byref(owner), *nothing, ctypes.byref(made)
    )
    if error:
        raise _windows_error(error)
    try:
        return _text_of(owner)
    finally:
        _kernel().LocalFree(made)


def file_owner_sid(path: Path) -> str:
    """That of the owner of a file or folder, or of what a link leads to. :raise OSError: Windows does not tell."""
    made, owner = ctypes.c_void_p(), ctypes.c_void_p()
    nothing = [None] * 3
    error = _advapi().GetNamedSecurityInfoW(
        str(path), FILE_OBJECT, OWNER, ctypes.byref(owner), *nothing, ctypes.byref(made)
    )
    if error:
        raise _windows_error(error)
    try:
        return _text_of(owner)
    finally:
        _kernel().LocalFree(made)


def _sid_of(process: Any) -> str:
    """:param process: a handle. :raise OSError: Windows does not tell."""
    kernel, advapi = _kernel(), _advapi()
    token = wintypes.HANDLE()
    _check(advapi.OpenProcessToken(process, TOKEN_QUERY, ctypes.byref(token)))
    try:
        size = wintypes.DWORD()
        advapi.GetTokenInformation(token, TOKEN_USER, None, 0, ctypes.byref(size))
        user = ctypes.create_string_buffer(size.value)
        _check(advapi.GetTokenInformation(token, TOKEN_USER, user, size, ctypes.byref(size)))
    finally:
        kernel.CloseHandle(token)
    return _text_of(ctypes.c_void_p.from_buffer(user))


def _text_of(sid: ctypes.c_void_p) -> str:
    text = ctypes.c_wchar_p()
    _check(_advapi().ConvertSidToStringSidW(sid, ctypes.byref(text)))
    try:
        return str(text.value)
    finally:
        _kernel().LocalFree(text)


def for_pipes() -> str:
    """The descriptor of our pipes: SYSTEM and administrators, and this user to use them; nobody else.

    The owner is this user. An administrator's programs would make theirs the administrators', by which the user's
    other programs could not tell it from a pipe of another administrator's.
    """
    user = user_sid()
    return f"O:{user}D:P(A;;GA;;;SY)(A;;GA;;;BA)(A;;GRGW;;;{user})"


def for_folders() -> str:
    """The descriptor of our folders and of all that is made in them: SYSTEM, administrators, this user."""
    return f"D:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;FA;;;{user_sid()})"


def lasting_descriptor(sddl: str) -> ctypes.c_void_p:
    """A security descriptor in memory, which nothing frees. :raise OSError: Windows does not understand it."""
    made = ctypes.c_void_p()
    convert = _advapi().ConvertStringSecurityDescriptorToSecurityDescriptorW
    _check(convert(sddl, SDDL_REVISION, ctypes.byref(made), None))
    return made


@contextmanager
def descriptor(sddl: str) -> Iterator[ctypes.c_void_p]:
    """A security descriptor in memory. :raise OSError: Windows does not understand it."""
    made = lasting_descriptor(sddl)
    try:
        yield made
    finally:
        _kernel().LocalFree(made)


def make_private(path: Path) -> None:
    """Let only SYSTEM, administrators and this user open a file or folder, and what is made in that from now on.

    SetNamedSecurityInfoW would reach what is there already as well; Wine's does nothing.

    :raise OSError: that is not allowed.
    """
    with descriptor(for_folders()) as made:
        _check(_advapi().SetFileSecurityW(str(path), DACL, made))


def is_private(path: Path) -> bool:
    """Whether only SYSTEM, administrators and this user may open a file or folder. :raise OSError: it has none."""
    advapi, kernel = _advapi(), _kernel()
    made, text = ctypes.c_void_p(), ctypes.c_wchar_p()
    nothing = [None] * 4
    error = advapi.GetNamedSecurityInfoW(str(path), FILE_OBJECT, DACL, *nothing, ctypes.byref(made))
    if error:
        raise _windows_error(error)
    try:
        convert = advapi.ConvertSecurityDescriptorToStringSecurityDescriptorW
        _check(convert(made, SDDL_REVISION, DACL, ctypes.byref(text), None))
        return only_ours(str(text.value), user_sid())
    finally:
        kernel.LocalFree(text)
        kernel.LocalFree(made)


def only_ours(sddl: str, user: str) -> bool:
    """Whether an access list is there and allows nothing to others than SYSTEM, administrators and ``user``.

    :param sddl: as Windows writes it; an entry is ``(type;flags;rights;object;inherited;who)``.
    """
    entries = [entry.split(";") for entry in re.findall(r"\(([^)]*)\)", sddl)]
    allowed = {parts[5] for parts in entries if len(parts) > 5 and parts[0] == "A"}
    return bool(entries) and allowed <= {"SY", "BA", "S-1-5-18", "S-1-5-32-544", user}


@cache
def _kernel() -> Any:
    library = _library("kernel32")
    library.GetCurrentProcess.restype = wintypes.HANDLE
    library.OpenProcess.restype = wintypes.HANDLE
    library.OpenProcess.argtypes = [wintypes.DWORD, wintypes.BOOL, wintypes.DWORD]
    library.CloseHandle.argtypes = [wintypes.HANDLE]
    library.LocalFree.argtypes = [ctypes.c_void_p]
    return library


@cache
def _advapi() -> Any:
    library = _library("advapi32")
    pointer = ctypes.c_void_p
    library.OpenProcessToken.argtypes = [wintypes.HANDLE, wintypes.DWORD, pointer]
    library.GetTokenInformation.argtypes = [wintypes.HANDLE, ctypes.c_int, pointer, wintypes.DWORD, pointer]
    library.ConvertSidToStringSidW.argtypes = [pointer, pointer]
    convert = library.ConvertStringSecurityDescriptorToSecurityDescriptorW
    convert.argtypes = [wintypes.LPCWSTR, wintypes.DWORD, pointer, pointer]
    library.SetFileSecurityW.argtypes = [wintypes.LPCWSTR, wintypes.DWORD, pointer]
    back = library.ConvertSecurityDescriptorToStringSecurityDescriptorW
    back.argtypes = [pointer, wintypes.DWORD, wintypes.DWORD, pointer, pointer]
    getting = library.GetNamedSecurityInfoW
    getting.argtypes = [
        wintypes.LPCWSTR,
        ctypes.c_int,
        wintypes.DWORD,
        pointer,
        pointer,
        pointer,
        pointer,
        pointer,
    ]
    return library


def _library(name: str) -> Any:
    return getattr(ctypes, "WinDLL")(name, use_last_error=True)  # noqa: B009 - only Windows' Python has it


def _check(succeeded: int) -> None:
    if not succeeded:
        raise _windows_error(getattr(ctypes, "get_last_error")())  # noqa: B009 - only Windows' Python has it


def _windows_error(code: int) -> OSError:
    error: OSError = getattr(ctypes, "WinError")(code)  # noqa: B009 - only Windows' Python has it
    return error
