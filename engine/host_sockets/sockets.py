"""Connects containers that mount a socket of the host to the program that listens there.

A Unix socket cannot be connected to through a shared folder: it belongs to the kernel of the program that listens.
So the machine's agent listens at a socket of its own in its place (``vm/image/native/agent.c``), and each
connection there is carried to the host's socket. In place of the engine's socket, which programs learn from the
Docker context and mount, containers get the machine's.

Only what a client of the endpoint has mounted is ever connected to, whatever the machine asks for. Containers may
put symbolic links into shared folders, so none is followed, and a socket outside of the shared folders is refused;
except the SSH agent's, which is known by its name. Slipway's own sockets are refused.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path

from engine.client import EngineClient
from engine.endpoint.local import LocalStream
from engine.endpoint.relay import relay, uncounted
from engine.events import EngineEvents, Interest
from engine.host_sockets.agents import VARIABLE, SshAgents
from engine.host_sockets.record import SSH_AGENT, SocketRecord
from engine.linux import GUEST_SOCKET
from vm.errors import EngineError, LinkError
from vm.guest.hostpath import is_within, to_guest
from vm.guest.link_task import LinkTask
from vm.guest.stream import Carrier, Stream
from vm.host.docker_address import link_to
from vm.host.optional_files import hint
from vm.tasks import TaskSet

log = logging.getLogger(__name__)

FOLDER = "/run/slipway/sockets"
"""Where the machine has them."""

DESTROYED = Interest("container", frozenset({"destroy"}))
"""Events after which a socket may not be mounted any more."""

RETRY_SECONDS = 60.0
"""Before the record is written again, after that has failed."""

O_PATH: int = getattr(os, "O_PATH", 0)
"""Linux's; 0 elsewhere."""

HOLDING: int = sum(getattr(os, flag, 0) for flag in ("O_PATH", "O_NOFOLLOW", "O_CLOEXEC"))

ENGINE = "engine"
"""The engine's socket, in :meth:`HostSockets.find`."""

NO_AGENT = f"Slipway knows of no SSH agent on your computer: {VARIABLE} was not set in any terminal that used it"
FOR_THE_ENGINE = "To use the engine in a container, mount /var/run/docker.sock instead."
START_ONE = "Start one (ssh-agent), then in the same terminal: slipway start"


class HostSockets(LinkTask[Carrier]):
    """The sockets of one installation.

    :param record: the file that remembers them.
    :param engine: the engine's socket; the others in its folder are Slipway's own.
    :param agents: the SSH agents that are known now; containers get the one that answers first.
    :param shares: returns the shared folders.
    :param open_folder: opens a folder without following a link (:meth:`vm.host.base.Host.open_folder`).
    :param events: of the engine; its containers show which sockets are still mounted.
    """

    def __init__(
        self,
        record: Path,
        engine: Path,
        agents: SshAgents,
        shares: Callable[[], Sequence[str]],
        open_folder: Callable[[bytes], int],
        events: EngineEvents,
    ) -> None:
        self._record = SocketRecord(record)
        self._file = record
        self._engine = engine
        self._engines = {to_guest(str(name)) for name in (engine, link_to(engine)) if name is not None}
        self._agents = agents
        self._shares = shares
        self._open_folder = open_folder
        self._events = events
        self._served: dict[str, asyncio.Task[None]] = {}
        self._tasks = TaskSet()
        self._serving = asyncio.Lock()

    def use(self, link: Carrier | None) -> None:
        """The link into the machine from now on; None while there is none."""
        if link is not self._link:
            self._served, self._tasks = {}, TaskSet()
        super().use(link)

    async def work(self, link: Carrier) -> None:
        tasks = self._tasks
        try:
            for name in self._record:
                try:
                    await self._serve(link, name)
                except LinkError as error:
                    log.warning("%s is not in the machine: %s", self._record.get(name), error.message)
            await self._events.look([DESTROYED], self._forget_unused)
        finally:
            await tasks.close()

    def find(self, path: str) -> str | None:
        """The socket that a bind mount's source names, for :meth:`carry`; None when containers cannot have it.

        Reads the disk.

        :raise EngineError: it is one that no container can have.
        """
        place = to_guest(path)
        if place in self._engines:
            return ENGINE
        if place == SSH_AGENT and not self._agents:
            raise EngineError(NO_AGENT, START_ONE)
        if place == SSH_AGENT or self._agents.is_known(place):
            return SSH_AGENT
        folder, name = os.path.split(place)
        if folder == FOLDER and (known := self._record.get(name)) is not None:  # of a container made with it
            return known
        real = os.path.realpath(path)
        if not _is_socket(real):
            return None
        if Path(real).parent == Path(os.path.realpath(self._engine)).parent:
            raise EngineError(f"“{path}” is Slipway's own, so no container can mount it", FOR_THE_ENGINE)
        return real if self._is_shared(real) else None

    async def carry(self, socket: str) -> str:
        """Have the machine listen in place of ``socket``; returns where.

        :param socket: as :meth:`find` gives it.
        :raise EngineError: it cannot.
        """
        if socket == ENGINE:
            return GUEST_SOCKET
        try:
            name = await self._record.add(socket)
            if self._link is None:
                raise LinkError("The connection to the machine is down")
            await self._serve(self._link, name)
        except OSError as error:
            failure = f"{self._file} cannot be read or written: {error.strerror}"
            raise EngineError(failure, hint(self._file, error)) from error
        except LinkError as error:
            failure = f"The socket “{socket}” is not available in the machine: {error.message}"
            raise EngineError(failure, "Try: slipway restart", error.detail) from error
        return f"{FOLDER}/{name}"

    def forget(self) -> None:
        """The machine's data is deleted, and its containers with it."""
        self._record.clear()

    async def _forget_unused(self, engine: EngineClient) -> float | None:
        """Forget the sockets that no container mounts any more; return the seconds until the next check."""
        containers = await engine.containers.list(all=True)
        places = [Path(str(mount.get("Source"))) for one in containers for mount in one.mounts]
        used = {place.name for place in places if str(place.parent) == FOLDER}
        try:
            forgotten, seconds = await self._record.keep_only(used)
        except OSError as error:
            log.warning("%s cannot be read or written: %s", self._file, error.strerror)
            return RETRY_SECONDS
        for name in forgotten:
            log.info("%s is forgotten: no container mounts it", name)
            if name in self._served:
                self._served.pop(name).cancel()
        return seconds

    async def _serve(self, link: Carrier, name: str) -> None:
        """Have the machine listen. :raise LinkError: it cannot."""
        async with self._serving:
            served, tasks = self._served, self._tasks
            if name in served and not served[name].done():
                return
            waiting = await link.open_accept(f"{FOLDER}/{name}")
            served[name] = tasks.spawn(self._accept(link, name, waiting), f"socket {name}")

    async def _accept(self, link: Carrier, name: str, waiting: Stream) -> None:
        """Take connections until the link is lost."""
        callers = TaskSet()
        try:
            while await waiting.read(1):
                callers.spawn(self._join(waiting, name), f"connection to {name}")
                waiting = await link.open_accept(f"{FOLDER}/{name}")
        except LinkError as error:
            log.info("%s takes no more connections: %s", name, error.message)
        finally:
            await waiting.close()
            await callers.close()

    async def _join(self, caller: Stream, name: str) -> None:
        """One connection, from a container to the host."""
        socket = self._record.get(name)
        try:
            if socket is None:
                raise FileNotFoundError(errno.ENOENT, "forgotten: no container mounts it")
            local = await self._connect(socket)
        except OSError as error:
            log.info("nothing listens at %s: %s", socket or name, error)
            await caller.close()
            return
        except BaseException:
            await caller.close()
            raise
        with contextlib.suppress(LinkError):  # relay() has cut it off already
            await relay(local, caller, uncounted, uncounted)

    async def _connect(self, socket: str) -> LocalStream:
        """:raise OSError: nothing listens there, or it is no longer shared."""
        if socket == SSH_AGENT:
            return await self._connect_agent()
        where, held = await asyncio.to_thread(self._hold, socket)
        try:
            return await _connect_to(where)
        finally:
            os.close(held)

    async def _connect_agent(self) -> LocalStream:
        """:raise OSError: none of them answers."""
        failure: OSError = FileNotFoundError(errno.ENOENT, "there is no SSH agent")
        for where in await asyncio.to_thread(list, self._agents):
            try:
                return await _connect_to(where)
            except OSError as error:
                log.info("no SSH agent listens at %s: %s", where, error)
                failure = error
        raise failure

    def _hold(self, socket: str) -> tuple[str, int]:
        """A path of this very socket, whatever replaces it meanwhile, valid while the descriptor is open.

        macOS has no such path: there it is the socket's own, which was not a link a moment ago.

        :raise OSError: it is not a socket, is not shared, or its path has a symbolic link.
        """
        if not self._is_shared(socket):
            raise PermissionError(errno.EACCES, "no longer in a shared folder")
        parent, name = os.path.split(socket)
        folder = self._open_folder(os.fsencode(parent))
        held = folder
        try:
            if O_PATH:
                held = os.open(name, HOLDING, dir_fd=folder)
                os.close(folder)
            found = os.fstat(held) if O_PATH else os.stat(name, dir_fd=folder, follow_symlinks=False)
            if not stat.S_ISSOCK(found.st_mode):
                raise OSError(errno.ENOTSOCK, "no longer a socket")
        except BaseException:
            os.close(held)
            raise
        return (f"/proc/self/fd/{held}" if O_PATH else socket), held

    def _is_shared(self, real: str) -> bool:
        return any(is_within(to_guest(real), to_guest(os.path.realpath(share))) for share in self._shares())


async def _connect_to(where: str) -> LocalStream:
    loop = asyncio.get_running_loop()
    _, local = await loop.create_unix_connection(lambda: LocalStream(lambda _: None), where)
    return local


def _is_socket(path: str) -> bool:
    try:
        return stat.S_ISSOCK(Path(path).stat().st_mode)
    except OSError:
        return False
