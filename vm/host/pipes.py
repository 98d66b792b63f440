"""Named pipes of Windows for a server of ours: for this user, SYSTEM and administrators, on this computer only.

asyncio's own pipes have the default DACL, take clients from the network, and share their name with whoever makes
an instance of it. These do not. They carry messages, because with a message of no bytes Docker's programs end one
direction (go-winio's ``PipeConfig.MessageMode``), and are read as bytes, so that a message may have any length.
"""

# ruff: noqa: SLF001 - asyncio has no public calls for a server of pipes
from __future__ import annotations

import asyncio
import ctypes
import errno
import logging
import sys
from asyncio import windows_utils
from collections.abc import Callable
from ctypes import wintypes
from functools import cache
from pathlib import Path
from typing import Any

assert sys.platform == "win32"

from vm.host.pipe_client import is_in_use  # noqa: E402 - the line above narrows types
from vm.host.windows_security import for_pipes, lasting_descriptor  # noqa: E402 - the same

log = logging.getLogger(__name__)

BUFFER = 256 * 1024
"""Bytes that each direction of a pipe may hold: one piece of the relay. Only what is in it takes memory."""

WAITING = 8
"""Instances that wait for clients. One that finds none has to try again (ERROR_PIPE_BUSY)."""

RETRY_SECONDS = 1.0
"""Between attempts to make an instance."""

ACCESS_DUPLEX, FLAG_OVERLAPPED, FLAG_FIRST_INSTANCE = 0x3, 0x40000000, 0x00080000
TYPE_MESSAGE, READ_BYTES, REJECT_REMOTE = 0x4, 0x0, 0x8
UNLIMITED_INSTANCES, ALREADY_EXISTS, INVALID_HANDLE = 255, 183, ctypes.c_void_p(-1).value
"""Arguments of CreateNamedPipeW (winbase.h)."""

_kernel = ctypes.WinDLL("kernel32", use_last_error=True)
_kernel.CreateNamedPipeW.restype = wintypes.HANDLE
_kernel.CreateNamedPipeW.argtypes = [wintypes.LPCWSTR, *[wintypes.DWORD] * 6, ctypes.c_void_p]
_kernel.PeekNamedPipe.argtypes = [wintypes.HANDLE, ctypes.c_void_p, wintypes.DWORD, *[ctypes.c_void_p] * 3]


class _SecurityAttributes(ctypes.Structure):
    _fields_ = (("length", wintypes.DWORD), ("descriptor", ctypes.c_void_p), ("inherit", wintypes.BOOL))


@cache
def _for_this_user() -> _SecurityAttributes:
    """Made once for the process: Windows takes longer to read the words than to make an instance."""
    return _SecurityAttributes(ctypes.sizeof(_SecurityAttributes), lasting_descriptor(for_pipes()), False)


def make_instance(path: Path, *, first: bool) -> windows_utils.PipeHandle:
    """One more instance of the pipe, for one client.

    Wine 10 ignores FILE_FLAG_FIRST_PIPE_INSTANCE: it makes one more instance of another program's pipe, and says
    so. Therefore the name is looked up first.

    :param first: fail where somebody has a pipe of this name already.
    :raise PermissionError: somebody has.
    :raise OSError: it cannot be made.
    """
    if first and is_in_use(path):
        raise PermissionError(errno.EACCES, "another program has a pipe of this name", str(path))
    ctypes.set_last_error(0)
    handle = _kernel.CreateNamedPipeW(
        str(path),
        ACCESS_DUPLEX | FLAG_OVERLAPPED | (FLAG_FIRST_INSTANCE if first else 0),
        TYPE_MESSAGE | READ_BYTES | REJECT_REMOTE,
        UNLIMITED_INSTANCES,
        BUFFER,
        BUFFER,
        0,
        ctypes.byref(_for_this_user()),
    )
    if handle in (None, INVALID_HANDLE):
        raise ctypes.WinError(ctypes.get_last_error())
    instance = windows_utils.PipeHandle(handle)
    if first and ctypes.get_last_error() == ALREADY_EXISTS:
        instance.close()
        raise PermissionError(errno.EACCES, "another program has a pipe of this name", str(path))
    return instance


class PipeServer:
    r"""Accepts connections at ``\\.\pipe\NAME`` and makes an asyncio protocol for each."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._accepting: list[asyncio.Task[None]] = []
        self._waiting: set[windows_utils.PipeHandle] = set()

    async def start(self, make_protocol: Callable[[], asyncio.BaseProtocol]) -> None:
        """Begin to accept.

        :raise PermissionError: somebody else has a pipe of this name.
        :raise OSError: it cannot be made.
        """
        loop = asyncio.get_running_loop()
        for number in range(WAITING):
            try:
                instance = make_instance(self._path, first=number == 0)
            except OSError:
                await self.close()
                raise
            self._waiting.add(instance)
            accept = loop.create_task(self._accept(instance, make_protocol), name=f"accept {self._path.name}")
            self._accepting.append(accept)

    async def close(self) -> None:
        """Stop accepting. Connections already accepted stay. Idempotent."""
        accepting, self._accepting = self._accepting, []
        for task in accepting:
            task.cancel()
        await asyncio.gather(*accepting, return_exceptions=True)
        for instance in self._waiting:
            instance.close()
        self._waiting.clear()

    async def _accept(self, instance: windows_utils.PipeHandle, make_protocol: Any) -> None:
        loop: Any = asyncio.get_running_loop()  # its proactor has no public call for what a server of pipes needs
        while True:
            try:
                await loop._proactor.accept_pipe(instance)
            except OSError as error:
                log.debug("a client left %s at once: %s", self._path, error)
                instance.close()
            else:
                loop._make_duplex_pipe_transport(instance, make_protocol(), extra={"addr": str(self._path)})
            self._waiting.discard(instance)
            instance = await self._next()
            self._waiting.add(instance)

    async def _next(self) -> windows_utils.PipeHandle:
        """One more instance, however long Windows lacks memory for it."""
        while True:
            try:
                return make_instance(self._path, first=False)
            except OSError as error:
                log.warning("%s has room for fewer clients for now: %s", self._path, error)
                await asyncio.sleep(RETRY_SECONDS)


def is_gone(transport: asyncio.Transport) -> bool:
    """Whether the client has closed its end altogether, which a message of no bytes is not."""
    handle: Any = transport
    if handle._sock is None or handle._sock.handle is None:
        return True
    return not _kernel.PeekNamedPipe(handle._sock.handle, None, 0, None, None, None)


async def end_direction(transport: asyncio.Transport) -> None:
    """Send the message of no bytes that ends our direction of a pipe, behind what was written before.

    :raise OSError: the pipe is gone.
    """
    handle: Any = transport
    loop: Any = asyncio.get_running_loop()
    while handle._write_fut is not None:
        await asyncio.wait([handle._write_fut])
        await asyncio.sleep(0)  # the transport's own callback begins the next write
    await loop._proactor.send(handle._sock, b"")
