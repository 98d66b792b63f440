"""Where clients of ours connect: a Unix socket (Linux, macOS) or a named pipe (Windows)."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from vm.errors import EngineError, HostError
from vm.host import LocalServer, pipe_owner, pipe_server
from vm.host.paths import PIPES, SOCKET_PATH_LIMIT

BACKLOG = 1024
"""Connections the kernel may keep before we accept them; it cuts this to its own limit."""


class Listener(Protocol):
    """Accepts connections at one local address and makes an asyncio protocol for each."""

    async def start(self, make_protocol: Callable[[], asyncio.Protocol]) -> None:
        """Begin to accept. :raise EngineError: the address is taken. :raise HostError: it cannot be used."""
        ...

    async def close(self) -> None:
        """Stop accepting and remove the address. Connections already accepted stay. Idempotent."""
        ...


def local_listener(path: Path) -> Listener:
    """What listens at a path of :class:`vm.host.paths.Paths`."""
    return PipeListener(path) if str(path).startswith(PIPES) else UnixListener(path)


class PipeListener:
    """A named pipe for this user only (see vm/host/pipes.py)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._server: LocalServer | None = None

    async def start(self, make_protocol: Callable[[], asyncio.Protocol]) -> None:
        """Listen.

        :raise EngineError: another program has a pipe of this name.
        :raise HostError: it cannot be made.
        """
        self._server = pipe_server(self._path)
        try:
            await self._server.start(make_protocol)
        except PermissionError as error:
            owner = await asyncio.to_thread(pipe_owner, self._path)
            raise EngineError(
                f"Another program already listens at {self._path}" + (f": {owner}" if owner else ""),
                "Stop it, or set SLIPWAY_HOME to another folder. It may be another Slipway of yours.",
                str(error),
            ) from error
        except OSError as error:
            raise HostError(
                f"Slipway cannot listen at {self._path}: {error.strerror}", detail=repr(error)
            ) from error

    async def close(self) -> None:
        """Stop listening. Idempotent."""
        server, self._server = self._server, None
        if server is not None:
            await server.close()


class UnixListener:
    """A Unix socket, 0600 in a 0700 folder: both, since some systems do not check the socket's own mode."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._server: asyncio.AbstractServer | None = None
        self._identity: tuple[int, int] | None = None

    async def start(self, make_protocol: Callable[[], asyncio.Protocol]) -> None:
        """Listen. A socket left behind by a dead process is replaced, a living one never.

        :raise EngineError: another process listens there
        :raise HostError: the path is too long, is not a socket, or its folder cannot be used
        """
        length = len(os.fsencode(self._path))
        if length > SOCKET_PATH_LIMIT:
            raise HostError(
                f"The engine's socket path is too long: {length} bytes, and {SOCKET_PATH_LIMIT} are allowed",
                "Set SLIPWAY_HOME to a shorter path.",
                str(self._path),
            )
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            await self._make_way()
            loop = asyncio.get_running_loop()
            self._server = await loop.create_unix_server(make_protocol, str(self._path), backlog=BACKLOG)
            self._path.chmod(0o600)
            status = self._path.stat()
            self._identity = (status.st_dev, status.st_ino)
        except OSError as error:
            await self.close()
            raise HostError(
                f"Slipway cannot listen at {self._path}: {error.strerror or error}",
                "Check the folder's owner and permissions and the free space.",
                repr(error),
            ) from error

    async def close(self) -> None:
        """Stop listening; remove the socket unless somebody has put another one in its place."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        identity, self._identity = self._identity, None
        if identity is None:
            return
        try:
            status = self._path.stat()
            if (status.st_dev, status.st_ino) == identity:
                self._path.unlink()
        except FileNotFoundError:
            return

    async def _make_way(self) -> None:
        """Remove what a dead process left behind at our path."""
        try:
            mode = self._path.lstat().st_mode
        except FileNotFoundError:
            return
        if not stat.S_ISSOCK(mode):
            raise HostError(
                f"Slipway needs this path for its socket, but another file is there: {self._path}",
                "Move it. Slipway removes only files that it made.",
            )
        try:
            transport, _ = await asyncio.get_running_loop().create_unix_connection(
                asyncio.Protocol, str(self._path)
            )
        except ConnectionRefusedError:
            self._path.unlink(missing_ok=True)
            return
        transport.abort()
        raise EngineError(
            f"Another program already listens at {self._path}",
            "Stop it, or set SLIPWAY_HOME to another folder. It may be another Slipway of yours.",
        )
