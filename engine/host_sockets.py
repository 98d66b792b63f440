"""Sockets of this computer that containers mount: the SSH agent's, the engine's, those of shared folders.

A Unix socket cannot be connected to through a shared folder: it belongs to the kernel of the program that listens.
So the machine has one in its place, which its agent listens on (``vm/image/native/agent.c``), and whoever connects
to that is carried to this computer's. For the engine's socket, which programs learn from the Docker context and
mount, there is the machine's.

Only what a client of the endpoint has mounted is ever connected to, whatever the machine asks for. Containers may
put symbolic links into shared folders, so none is followed, and what is not in a shared folder may not be had; but
for the SSH agent's, which is known by its name. Slipway's own sockets are nobody's.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import hashlib
import json
import logging
import os
import re
import stat
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from engine.endpoint.local import LocalStream
from engine.endpoint.relay import relay, uncounted
from engine.linux import GUEST_SOCKET
from vm.errors import EngineError, LinkError
from vm.files import write_atomically
from vm.guest.hostpath import is_within, to_guest
from vm.guest.link_task import LinkTask
from vm.guest.stream import Carrier, Stream

log = logging.getLogger(__name__)

FOLDER = "/run/slipway/sockets"
"""Where the machine has them."""

SSH_AGENT = "/run/host-services/ssh-auth.sock"
"""What stands for this computer's SSH agent, as in Docker Desktop: that may move, and this stays."""

O_PATH: int = getattr(os, "O_PATH", 0)
"""Linux's; 0 elsewhere."""

HOLDING: int = sum(getattr(os, flag, 0) for flag in ("O_PATH", "O_NOFOLLOW", "O_CLOEXEC"))

ENGINE = "engine"
"""What :meth:`HostSockets.find` calls the engine's."""

VARIABLE = "SSH_AUTH_SOCK"
"""Names the SSH agent's socket (ssh-agent(1))."""

NO_AGENT = f"This computer has no SSH agent that Slipway knows of: {VARIABLE} was not set where it was started"
FOR_THE_ENGINE = "To use the engine in a container, mount /var/run/docker.sock."
START_ONE = "Start one (ssh-agent), then Slipway anew: slipway stop, slipway start."


class HostSockets(LinkTask[Carrier]):
    """Those of one installation.

    :param record: the file that remembers them, for containers that are started again by themselves.
    :param engine: the engine's; the others in its folder are nobody's but Slipway's.
    :param environment: where ``SSH_AUTH_SOCK`` is looked up.
    :param shares: tells the shared folders.
    :param open_folder: opens a folder without following a link (:meth:`vm.host.base.Host.open_folder`).
    """

    def __init__(
        self,
        record: Path,
        engine: Path,
        environment: Mapping[str, str],
        shares: Callable[[], Sequence[str]],
        open_folder: Callable[[bytes], int],
    ) -> None:
        self._record = record
        self._engine = engine
        self._environment = environment
        self._shares = shares
        self._open_folder = open_folder
        self._known = _read(record)
        self._served: dict[str, asyncio.Task[None]] = {}
        self._one = asyncio.Lock()
        self._recording = asyncio.Lock()

    def use(self, way: Carrier | None) -> None:
        """The way into the machine from now on; None while there is none."""
        if way is not self._link:
            self._served = {}
        super().use(way)

    async def work(self, way: Carrier) -> None:
        served = self._served
        try:
            for name in list(self._known):
                try:
                    await self._serve(way, name)
                except LinkError as error:
                    log.warning("%s is not in the machine: %s", self._known[name], error.message)
            await asyncio.get_running_loop().create_future()  # until the way is gone
        finally:
            for task in served.values():
                task.cancel()
            await asyncio.gather(*served.values(), return_exceptions=True)

    def find(self, path: str) -> str | None:
        """The socket that a bind mount's source names, for :meth:`carry`; None: none that may be had.

        Looks at the disk.

        :raise EngineError: it is one that no container can have.
        """
        agent = self._environment.get(VARIABLE, "")
        place = to_guest(path)
        if place == to_guest(str(self._engine)):
            return ENGINE
        if place == SSH_AGENT and not agent:
            raise EngineError(NO_AGENT, START_ONE)
        if place == SSH_AGENT or (agent and place == to_guest(agent)):
            return SSH_AGENT
        folder, name = os.path.split(place)
        if folder == FOLDER and name in self._known:  # a container that was made with it
            return self._known[name]
        real = os.path.realpath(path)
        if not _is_socket(real):
            return None
        if Path(real).parent == Path(os.path.realpath(self._engine)).parent:
            raise EngineError(f"“{path}” is Slipway's own, so no container can mount it", FOR_THE_ENGINE)
        return real if self._is_shared(real) else None

    async def carry(self, socket: str) -> str:
        """Have the machine listen for those who want ``socket``; where.

        :param socket: as :meth:`find` gives it.
        :raise EngineError: it cannot.
        """
        if socket == ENGINE:
            return GUEST_SOCKET
        name = _name(socket)
        try:
            async with self._recording:
                if name not in self._known:
                    known = {**self._known, name: socket}
                    await asyncio.to_thread(write_atomically, self._record, json.dumps(known, indent=1).encode())
                    self._known = known
            if self._link is None:
                raise LinkError("There is no connection into the machine")
            await self._serve(self._link, name)
        except OSError as error:
            raise EngineError(f"{self._record} cannot be written: {error.strerror}", "Free some space.") from error
        except LinkError as error:
            failure = f"The socket “{socket}” cannot be had in the machine: {error.message}"
            raise EngineError(failure, "slipway restart may help.", error.detail) from error
        return f"{FOLDER}/{name}"

    def forget(self) -> None:
        """The machine's containers are gone for good, and with them what they mount."""
        self._known = {}
        self._record.unlink(missing_ok=True)

    async def _serve(self, way: Carrier, name: str) -> None:
        """:raise LinkError: the machine cannot listen."""
        async with self._one:
            served = self._served
            if name in served and not served[name].done():
                return
            waiting = await way.open_accept(f"{FOLDER}/{name}")
            served[name] = asyncio.create_task(self._accept(way, name, waiting))

    async def _accept(self, way: Carrier, name: str, waiting: Stream) -> None:
        """Until the link is lost."""
        callers: set[asyncio.Task[None]] = set()
        try:
            while await waiting.read(1):
                task = asyncio.create_task(self._join(waiting, name))
                callers.add(task)
                task.add_done_callback(callers.discard)
                waiting = await way.open_accept(f"{FOLDER}/{name}")
        except LinkError as error:
            log.info("%s is waited for no more: %s", name, error.message)
        finally:
            await waiting.close()
            for task in callers:
                task.cancel()
            await asyncio.gather(*callers, return_exceptions=True)

    async def _join(self, caller: Stream, name: str) -> None:
        """One connection, from a container to this computer."""
        try:
            local = await self._connect(self._known[name])
        except OSError as error:
            log.info("nobody answers at %s: %s", self._known[name], error)
            await caller.close()
            return
        except BaseException:
            await caller.close()
            raise
        with contextlib.suppress(LinkError):  # relay() has cut it off already
            await relay(local, caller, uncounted, uncounted)

    async def _connect(self, socket: str) -> LocalStream:
        """:raise OSError: nobody listens there, or it may not be had any more."""
        held = -1
        if socket == SSH_AGENT:
            where = self._environment.get(VARIABLE, "")
        else:
            where, held = await asyncio.to_thread(self._hold, socket)
        loop = asyncio.get_running_loop()
        try:
            _, local = await loop.create_unix_connection(lambda: LocalStream(lambda _: None), where)
        finally:
            if held >= 0:
                os.close(held)
        return local

    def _hold(self, socket: str) -> tuple[str, int]:
        """A name that leads to this socket, whatever is put into its place meanwhile, while a descriptor is open.

        macOS has no such name: there it is the socket's own, which was none of a link a moment ago.

        :raise OSError: it is none, is not shared, or there is a symbolic link on the way.
        """
        if not self._is_shared(socket):
            raise PermissionError(errno.EACCES, "not in a shared folder any more")
        parent, name = os.path.split(socket)
        folder = self._open_folder(os.fsencode(parent))
        held = folder
        try:
            if O_PATH:
                held = os.open(name, HOLDING, dir_fd=folder)
                os.close(folder)
            found = os.fstat(held) if O_PATH else os.stat(name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISSOCK(found.st_mode):
                raise OSError(errno.ENOTSOCK, "not a socket any more")
        except BaseException:
            os.close(held)
            raise
        return (f"/proc/self/fd/{held}" if O_PATH else socket), held

    def _is_shared(self, real: str) -> bool:
        return any(is_within(to_guest(real), to_guest(os.path.realpath(share))) for share in self._shares())


def _name(socket: str) -> str:
    """What it is called in the machine: short, as a socket's path has to be, and without a mount's colon."""
    if socket == SSH_AGENT:
        return Path(SSH_AGENT).name
    readable = re.sub(r"[^A-Za-z0-9._-]", "_", Path(socket).name)
    return f"{hashlib.sha256(os.fsencode(socket)).hexdigest()[:12]}-{readable[:32]}"


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    except OSError:
        return False


def _read(record: Path) -> dict[str, str]:
    try:
        found = json.loads(record.read_bytes())
    except (OSError, ValueError) as error:
        if not isinstance(error, FileNotFoundError):
            log.warning("%s cannot be read, so no socket is remembered: %s", record, error)
        return {}
    known = found.values() if isinstance(found, dict) else ()
    return {_name(socket): socket for socket in known if isinstance(socket, str)}
