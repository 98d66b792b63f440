"""Ports that dockerd may choose, but must not: they are in use on this computer.

dockerd chooses a port by itself for ``-P``, ``-p 80`` and ``-p 8000-8010:80``, by trying which one the machine has
free. When this computer refuses it afterwards, dockerd gives up and does not try the next. So before a container
starts, the ports that dockerd would come to next are tried here, and those that are taken are held in the machine.
Not held is what a container that is being started names: whose port is taken is told who has it.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from engine.ports.sockets import bound
from vm.errors import LinkError

log = logging.getLogger(__name__)

RANDOM = range(55000, 65536)
"""Where dockerd chooses when no port is named: the machine's ``net.ipv4.ip_local_port_range``, in sysctl.conf."""

EVERY = range(1, 65536)

AHEAD = 64
"""So many ports are tried from the one dockerd comes to next, besides those that are being asked for."""

MOST = 256
"""Ports that are held at once; each takes two descriptors in the machine."""

TAKEN = (errno.EADDRINUSE, errno.EACCES)
"""What binding says when a port cannot be had; the second for what Windows keeps for itself."""

_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


class Ports(Protocol):
    """The published ports, as far as they are looked at here."""

    @property
    def in_use(self) -> set[int]:
        """Those that this computer listens on for containers."""
        ...

    @property
    def latest(self) -> Iterable[int]:
        """The last one that was asked for, of each protocol and address."""
        ...

    @property
    def any_address(self) -> Sequence[str]:
        """Where this computer listens for what is published at every address."""
        ...


Hold = Callable[[Sequence[int]], Awaitable[None]]
"""Has the machine hold these ports, and no others. Raises :class:`~vm.errors.LinkError`."""


class Reserve:
    """Looks ahead of starts.

    :ivar held: what the machine holds; None while that is not known.
    """

    def __init__(self, ports: Ports, hold: Hold) -> None:
        self.held: frozenset[int] | None = frozenset()
        self._ports = ports
        self._hold = hold
        self._starting: dict[asyncio.Future[None], Sequence[range]] = {}
        self._one = asyncio.Lock()

    def clear(self) -> None:
        """The machine has ended, and holds nothing any more."""
        self.held = frozenset()

    def forget(self) -> None:
        """Whatever the machine holds, somebody before us had it do so."""
        self.held = None

    async def prepare(self, container: Mapping[str, Any], over: asyncio.Future[None]) -> None:
        """A client starts this container.

        :param container: what the engine tells of it (Docker API, ContainerInspect).
        :param over: done when it has been started, or has not.
        """
        asked = wishes(container)
        if not asked or over.done():
            return
        self._starting[over] = asked
        over.add_done_callback(self._starting.pop)
        named = {ports[0] for ports in asked if len(ports) == 1}
        if len(named) < len(asked) or self.held is None or self.held & named:
            await self._look()

    async def look_ahead(self) -> None:
        """dockerd is about to start containers by itself; which ones is not known."""
        await self._look([RANDOM])

    async def _look(self, choices: Iterable[range] = ()) -> None:
        async with self._one:
            asked = [*choices, *itertools.chain(*self._starting.values())]
            named = {ports[0] for ports in asked if len(ports) == 1}
            chosen = [ports for ports in asked if len(ports) > 1]
            ahead = AHEAD + len(chosen)
            wanted = dict.fromkeys(port for ports in set(chosen) for port in self._next(ports, ahead))
            wanted |= dict.fromkeys(sorted(self.held or ()))
            ours = named | self._ports.in_use
            free_for_others = [port for port in wanted if port not in ours]
            taken = await asyncio.to_thread(_taken, free_for_others, self._ports.any_address)
            if taken != self.held:
                await self._change(taken)

    async def _change(self, ports: frozenset[int]) -> None:
        try:
            await self._hold(sorted(ports))
        except LinkError as error:  # dockerd may choose one of them, and the container does not start
            log.warning("ports in use here are not held in the machine: %s %s", error.message, error.detail)
        else:
            log.info("held in the machine, as they are in use here: %s", sorted(ports))
            self.held = ports

    def _next(self, ports: range, ahead: int) -> Iterator[int]:
        """What dockerd comes to next: after the last one, or from the beginning when it has been restarted."""
        if len(ports) <= MOST:
            yield from ports
            return
        for start in (ports.start, *(port + 1 for port in self._ports.latest if port in ports)):
            yield from range(start, min(start + ahead, ports.stop))


def wishes(container: Mapping[str, Any]) -> list[range]:
    """The host's ports that a container publishes; dockerd chooses from those that are longer than one."""
    host = container.get("HostConfig") or {}
    bindings: Mapping[str, Any] = host.get("PortBindings") or {}
    found = [_ports(binding.get("HostPort") or "") for listed in bindings.values() for binding in listed or ()]
    if host.get("PublishAllPorts"):
        exposed = (container.get("Config") or {}).get("ExposedPorts") or {}
        found += [RANDOM for port in exposed if port not in bindings]
    return [ports for ports in found if ports]


def _ports(text: str) -> range:
    match = _PORTS.fullmatch(text)
    if match is None or (first := int(match[1])) == 0:
        return RANDOM
    return EVERY[first - 1 : int(match[2] or first)]


def _taken(ports: Iterable[int], addresses: Sequence[str]) -> frozenset[int]:
    return frozenset(itertools.islice((port for port in ports if _is_taken(port, addresses)), MOST))


def _is_taken(port: int, addresses: Sequence[str]) -> bool:
    for kind, address in itertools.product((socket.SOCK_STREAM, socket.SOCK_DGRAM), addresses):
        try:
            bound(kind, address, port).close()
        except OSError as error:
            if error.errno in TAKEN:
                return True
    return False
