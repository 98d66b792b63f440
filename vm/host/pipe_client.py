"""The client's end of a named pipe of Windows, opened so that a false server gains nothing.

asyncio's own call lets the server act as this user (impersonation: it opens without SECURITY_SQOS_PRESENT),
whichever server it is, and tries without an end while all of its instances are in use. Here the server may only
learn who the user is, and that of a pipe of ours has to be a process of this user: a pipe belongs to whatever
program makes it first.
"""

# ruff: noqa: SLF001 - asyncio has no public call for a pipe that it has not opened itself
from __future__ import annotations

import asyncio
import ctypes
import sys
from asyncio import windows_utils
from ctypes import wintypes
from pathlib import Path
from typing import Any

import psutil

from vm.errors import HostError
from vm.host.windows_security import owner_sid, process_sid, user_sid

assert sys.platform == "win32"

BUSY_SECONDS = 20.0
"""How long to wait for an instance when all are in use; a server of ours makes the next one at once."""

PAUSE = 0.01
"""Seconds between attempts, as go-winio has it: WaitNamedPipeW would need a thread for each that waits."""

GENERIC_READ_WRITE, OPEN_EXISTING, FLAG_OVERLAPPED = 0xC0000000, 3, 0x40000000
SQOS_PRESENT, IDENTIFICATION = 0x00100000, 0x00010000
"""Arguments of CreateFileW (fileapi.h, winbase.h)."""

NOWAIT = 1
"""WaitNamedPipeW's shortest wait, in milliseconds."""

SYSTEM_SIDS = ("S-1-5-18", "S-1-5-32-544")
"""LocalSystem, and the administrators, who own what its services make ([MS-DTYP] 2.4.2.4)."""

NOT_FOUND, PIPE_BUSY = 2, 231
"""Errors (winerror.h)."""

INVALID_HANDLE = ctypes.c_void_p(-1).value

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.CreateFileW.restype = wintypes.HANDLE
_kernel.CreateFileW.argtypes = [
    wintypes.LPCWSTR,
    wintypes.DWORD,
    wintypes.DWORD,
    ctypes.c_void_p,
    wintypes.DWORD,
    wintypes.DWORD,
    wintypes.HANDLE,
]
_kernel.WaitNamedPipeW.argtypes = [wintypes.LPCWSTR, wintypes.DWORD]
_kernel.GetNamedPipeServerProcessId.argtypes = [wintypes.HANDLE, ctypes.POINTER(wintypes.ULONG)]


def is_in_use(path: Path) -> bool:
    """Whether a program has a pipe of this name; no connection is made."""
    ctypes.set_last_error(0)
    return bool(_kernel.WaitNamedPipeW(str(path), NOWAIT)) or ctypes.get_last_error() != NOT_FOUND


def open_pipe(path: Path) -> windows_utils.PipeHandle:
    """Connect to a pipe that has an instance to spare.

    :raise FileNotFoundError: there is no such pipe.
    :raise PermissionError: this user may not.
    :raise OSError: it cannot be opened; ``winerror`` is 231 where all of its instances are in use.
    """
    flags = FLAG_OVERLAPPED | SQOS_PRESENT | IDENTIFICATION
    handle = _kernel.CreateFileW(str(path), GENERIC_READ_WRITE, 0, None, OPEN_EXISTING, flags, None)
    if handle in (None, INVALID_HANDLE):
        raise ctypes.WinError(ctypes.get_last_error())
    return windows_utils.PipeHandle(handle)


def server_process(pipe: windows_utils.PipeHandle) -> int:
    """The process that has made the instance which this is connected to. :raise OSError: Windows does not tell."""
    number = wintypes.ULONG()
    if not _kernel.GetNamedPipeServerProcessId(pipe.handle, ctypes.byref(number)):
        raise ctypes.WinError(ctypes.get_last_error())
    return number.value


def require_own(pipe: windows_utils.PipeHandle, path: Path, *, of_system: bool = False) -> None:
    """See that the server of a pipe is a process of this user; nothing is sent before.

    :param of_system: whether it may be one of the system's, too.
    :raise HostError: it is not, or that cannot be found out.
    """
    number = server_process(pipe)
    trusted = {user_sid(), *(SYSTEM_SIDS if of_system else ())}
    try:
        if process_sid(number) in trusted:
            return
        why = "it belongs to another user"
    except OSError as error:  # another user's, or this user's that runs as an administrator
        if owner_sid(pipe.handle) in trusted:
            return
        why = f"whose it is cannot be found out ({error.strerror})"
    raise HostError(
        f"Another program listens at Slipway's pipe {path}: {program(number)}; {why}",
        "Nothing was sent to it. End it, or set SLIPWAY_HOME to another folder.",
    )


def owner(path: Path) -> str:
    """The program that listens at a pipe, in words; empty where that is not told. Takes one of its connections."""
    try:
        pipe = open_pipe(path)
        try:
            return program(server_process(pipe))
        finally:
            pipe.close()
    except OSError:  # it lets nobody in, has no instance to spare, or has just ended
        return ""


def program(number: int) -> str:
    """A process in words."""
    try:
        return f"{psutil.Process(number).name()} (process {number})"
    except psutil.Error:
        return f"process {number}"


async def connect(
    path: Path, protocol: asyncio.BaseProtocol, *, of_anyone: bool, of_system: bool = False
) -> asyncio.WriteTransport:
    """Connect a protocol to a pipe; waits while all instances are in use.

    :param of_anyone: whether the server may be another user's.
    :param of_system: whether it may be the system's.
    :raise OSError: it cannot be opened; TimeoutError: an instance did not become free within 20 s.
    :raise HostError: the server is another user's.
    """
    loop: Any = asyncio.get_running_loop()
    pipe = await _opened(path)
    try:
        if not of_anyone:
            require_own(pipe, path, of_system=of_system)
    except BaseException:
        pipe.close()
        raise
    transport: asyncio.WriteTransport = loop._make_duplex_pipe_transport(pipe, protocol, extra={"addr": str(path)})
    await asyncio.sleep(0)  # the loop's next turn gives the protocol its transport
    return transport


async def _opened(path: Path) -> windows_utils.PipeHandle:
    async with asyncio.timeout(BUSY_SECONDS):
        while True:
            try:
                return open_pipe(path)
            except OSError as error:
                if error.winerror != PIPE_BUSY:
                    raise
            await asyncio.sleep(PAUSE)
