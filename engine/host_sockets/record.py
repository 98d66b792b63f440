"""Remembers which of the host's sockets containers have mounted, for containers that start by themselves later."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from vm.files import write_atomically
from vm.host.optional_files import read

log = logging.getLogger(__name__)

SSH_AGENT = "/run/host-services/ssh-auth.sock"
"""What stands for the host's SSH agent, as in Docker Desktop: the agent's own path may change, this does not."""

GRACE_SECONDS = 60.0
"""How long a socket is kept that no container has mounted yet: the client is just creating the container."""


class SocketRecord:
    """Names in the machine, and the host's sockets that they stand for."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sockets: dict[str, str] = {}
        self._unread = False  # the file is there, and could not be read
        try:
            self._sockets = _read(path)
        except OSError as error:
            log.warning("%s cannot be read, so no socket is known yet: %s", path, error)
            self._unread = True
        self._asked: dict[str, float] = {}  # name → when it was asked for last, by the loop's clock
        self._writing = asyncio.Lock()

    def __iter__(self) -> Iterator[str]:
        """The names."""
        return iter(list(self._sockets))

    def get(self, name: str) -> str | None:
        """The socket behind a name."""
        return self._sockets.get(name)

    async def add(self, socket: str) -> str:
        """Remember a socket; returns its name. :raise OSError: the file cannot be read or written."""
        name = name_of(socket)
        async with self._writing:
            await self._catch_up()
            self._asked[name] = asyncio.get_running_loop().time()
            if name not in self._sockets:
                await self._write({**self._sockets, name: socket})
        return name

    async def keep_only(self, used: Iterable[str]) -> tuple[set[str], float | None]:
        """Forget all names but the ``used`` ones and those asked for just now.

        :return: what was forgotten, and after how many seconds more may be.
        :raise OSError: the file cannot be read or written.
        """
        async with self._writing:
            await self._catch_up()
            now, used = asyncio.get_running_loop().time(), set(used)
            left = {
                name: self._asked[name] + GRACE_SECONDS - now if name in self._asked else 0.0
                for name in self._sockets
                if name not in used
            }
            forgotten = {name for name, seconds in left.items() if seconds <= 0}
            if forgotten:
                await self._write({name: one for name, one in self._sockets.items() if name not in forgotten})
        return forgotten, min((seconds for seconds in left.values() if seconds > 0), default=None)

    def clear(self) -> None:
        """Forget all."""
        self._sockets, self._unread = {}, False
        self._path.unlink(missing_ok=True)

    async def _catch_up(self) -> None:
        """Read a file that could not be read before; what is in it is not to be replaced.

        :raise OSError: it still cannot be read.
        """
        if self._unread:
            self._sockets = await asyncio.to_thread(_read, self._path)
            self._unread = False

    async def _write(self, sockets: dict[str, str]) -> None:
        await asyncio.to_thread(write_atomically, self._path, json.dumps(sockets, indent=1).encode())
        self._sockets = sockets


def name_of(socket: str) -> str:
    """What a socket is called in the machine: short, as a socket's path has to be, and without a mount's colon."""
    if socket == SSH_AGENT:
        return Path(SSH_AGENT).name
    readable = re.sub(r"[^A-Za-z0-9._-]", "_", Path(socket).name)
    return f"{hashlib.sha256(os.fsencode(socket)).hexdigest()[:12]}-{readable[:32]}"


def _read(path: Path) -> dict[str, str]:
    """:raise OSError: the file is there, and cannot be read."""
    try:
        found = json.loads(read(path))
    except FileNotFoundError:
        return {}
    except ValueError as error:
        log.warning("%s is not valid JSON, so no socket is remembered: %s", path, error)
        return {}
    known = found.values() if isinstance(found, dict) else ()
    return {name_of(socket): socket for socket in known if isinstance(socket, str)}
