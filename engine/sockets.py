"""Sockets of this computer that containers mount: the SSH agent's, the engine's, those of shared folders.

A Unix socket cannot be connected to through a shared folder: it belongs to the kernel of the program that listens.
So the machine has one in its place, which its agent listens on (``vm/image/native/agent.c``), and whoever connects
to that is carried to this computer's. Only what a client of the endpoint has mounted is ever connected to,
whatever the machine asks for; nothing of that is Slipway's own. For the engine's socket, which programs learn from
the Docker context and mount, there is the machine's.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

from engine.endpoint.local import LocalStream
from engine.endpoint.relay import relay, uncounted
from engine.linux import GUEST_SOCKET
from vm.errors import EngineError, LinkError
from vm.files import write_atomically
from vm.guest.hostpath import to_guest
from vm.guest.stream import Carrier, Stream
from vm.guest.while_linked import WhileLinked

log = logging.getLogger(__name__)

FOLDER = "/run/slipway/sockets"
"""Where the machine has them."""

SSH_AGENT = "/run/host-services/ssh-auth.sock"
"""What stands for this computer's SSH agent, as in Docker Desktop: that may move, and this stays."""

ENGINE = "engine"
"""What :meth:`HostSockets.find` calls the engine's."""

VARIABLE = "SSH_AUTH_SOCK"
"""Names the SSH agent's socket (ssh-agent(1))."""

NO_AGENT = f"This computer has no SSH agent that Slipway knows of: {VARIABLE} was not set where it was started"
FOR_THE_ENGINE = "To use the engine in a container, mount /var/run/docker.sock."
START_ONE = "Start one (ssh-agent), then Slipway anew: slipway stop, slipway start."


class HostSockets(WhileLinked[Carrier]):
    """Those of one installation.

    :param record: the file that remembers them, for containers that are started again by themselves.
    :param engine: the engine's; the others in its folder are nobody's but Slipway's.
    :param environment: where ``SSH_AUTH_SOCK`` is looked up.
    """

    def __init__(self, record: Path, engine: Path, environment: Mapping[str, str]) -> None:
        self._record = record
        self._engine = engine
        self._environment = environment
        self._known = _read(record)
        self._served: dict[str, asyncio.Task[None]] = {}
        self._one = asyncio.Lock()

    def use(self, way: Carrier | None) -> None:
        """The way into the machine from now on; None while there is none."""
        if way is not self._way:
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

    def find(self, path: str, shared: bool) -> str | None:
        """The socket that a bind mount's source names, for :meth:`carry`; None: none that may be had.

        Looks at the disk.

        :param shared: it is in a shared folder; what is not, may not be had, but for the SSH agent's.
        :raise EngineError: it is one that no container can have.
        """
        agent = self._environment.get(VARIABLE, "")
        if to_guest(path) == SSH_AGENT:
            if not agent:
                raise EngineError(NO_AGENT, START_ONE)
            return SSH_AGENT
        folder, name = os.path.split(path)
        if folder == FOLDER:
            return self._known.get(name)
        real, engine = os.path.realpath(path), os.path.realpath(self._engine)
        if real == engine:
            return ENGINE
        if not _is_socket(real):
            return None
        if agent and real == os.path.realpath(agent):
            return SSH_AGENT
        if Path(real).parent == Path(engine).parent:
            raise EngineError(f"“{path}” is Slipway's own, so no container can mount it", FOR_THE_ENGINE)
        return real if shared else None

    async def carry(self, socket: str) -> str:
        """Have the machine listen for those who want ``socket``; where.

        :param socket: as :meth:`find` gives it.
        :raise EngineError: it cannot.
        """
        if socket == ENGINE:
            return GUEST_SOCKET
        name = _name(socket)
        try:
            if name not in self._known:
                known = {**self._known, name: socket}
                await asyncio.to_thread(write_atomically, self._record, json.dumps(known, indent=1).encode())
                self._known[name] = socket
            if self._way is None:
                raise LinkError("There is no connection into the machine")
            await self._serve(self._way, name)
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
        socket = self._known[name]
        try:
            where = self._environment.get(VARIABLE, "") if socket == SSH_AGENT else socket
            loop = asyncio.get_running_loop()
            _, local = await loop.create_unix_connection(lambda: LocalStream(lambda _: None), where)
        except OSError as error:
            log.info("nobody answers at %s: %s", socket, error)
            await caller.close()
            return
        except BaseException:
            await caller.close()
            raise
        with contextlib.suppress(LinkError):  # relay() has cut it off already
            await relay(local, caller, uncounted, uncounted)


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
