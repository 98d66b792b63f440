"""Keeps dockerd from choosing a port that is in use on the host, by reserving it in the machine.

dockerd chooses a port itself for ``-P``, ``-p 80`` and ``-p 8000-8010:80``: the first one that is free in the
machine. When the host then refuses that port, dockerd gives up and does not try the next. So before a container
starts, the ports that dockerd would try next are tried on the host, and those in use are reserved in the machine.
A port that a starting container names is not reserved: its error has to say which program has the port.
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
"""How many ports are tried, beginning with the next one dockerd tries, besides those being requested."""

MOST = 256
"""Ports reserved at once; each takes two descriptors in the machine."""

TAKEN = (errno.EADDRINUSE, errno.EACCES)
"""Errors of binding to a port that is in use; the second one for ports that Windows reserves."""

_PORTS = re.compile(r"(\d{1,5})(?:-(\d{1,5}))?")


class Ports(Protocol):
    """What this module needs of the published ports."""

    @property
    def in_use(self) -> set[int]:
        """The ports that the host listens on for containers."""
        ...

    @property
    def latest(self) -> Iterable[int]:
        """The last port requested, for each protocol and address."""
        ...

    @property
    def any_address(self) -> Sequence[str]:
        """Where the host listens for what is published at every address."""
        ...


ReserveInGuest = Callable[[Sequence[int]], Awaitable[None]]
"""Reserves these ports in the machine, and no others. Raises :class:`~vm.errors.LinkError`."""


class PortReservations:
    """The ports reserved in one machine.

    :ivar reserved: the ports that the machine has reserved; None while that is not known.
    """

    def __init__(self, ports: Ports, reserve: ReserveInGuest) -> None:
        self.reserved: frozenset[int] | None = frozenset()
        self._ports = ports
        self._reserve = reserve
        self._starting: dict[asyncio.Future[None], Sequence[range]] = {}
        self._one = asyncio.Lock()

    def clear(self) -> None:
        """The machine has ended, and its reservations with it."""
        self.reserved = frozenset()

    def forget(self) -> None:
        """What the machine has reserved is not known: an earlier supervisor asked for it."""
        self.reserved = None

    async def prepare(self, container: Mapping[str, Any], over: asyncio.Future[None]) -> None:
        """Reserve ports for the start of this container.

        :param container: as the engine describes it (Docker API, ContainerInspect).
        :param over: done when the start has succeeded or failed.
        """
        asked = requested_ports(container)
        if not asked or over.done():
            return
        self._starting[over] = asked
        over.add_done_callback(self._starting.pop)
        named = {ports[0] for ports in asked if len(ports) == 1}
        if len(named) < len(asked) or self.reserved is None or self.reserved & named:
            await self._look()

    async def look_ahead(self) -> None:
        """Reserve ports for containers that dockerd starts by itself; which ones is not known."""
        await self._look([RANDOM])

    async def _look(self, choices: Iterable[range] = ()) -> None:
        async with self._one:
            asked = [*choices, *itertools.chain(*self._starting.values())]
            named = {ports[0] for ports in asked if len(ports) == 1}
            chosen = [ports for ports in asked if len(ports) > 1]
            ahead = AHEAD + len(chosen)
            wanted = dict.fromkeys(port for ports in set(chosen) for port in self._next(ports, ahead))
            wanted |= dict.fromkeys(sorted(self.reserved or ()))
            ours = named | self._ports.in_use
            free_for_others = [port for port in wanted if port not in ours]
            taken = await asyncio.to_thread(_taken, free_for_others, self._ports.any_address)
            if taken != self.reserved:
                await self._change(taken)

    async def _change(self, ports: frozenset[int]) -> None:
        try:
            await self._reserve(sorted(ports))
        except LinkError as error:  # dockerd may choose one of them; that container does not start
            log.warning(
                "ports in use on the host are not reserved in the machine: %s %s", error.message, error.detail
            )
        else:
            log.info("reserved in the machine, since they are in use on the host: %s", sorted(ports))
            self.reserved = ports

    def _next(self, ports: range, ahead: int) -> Iterator[int]:
        """What dockerd tries next: the port after the last one, or the first after a restart."""
        if len(ports) <= MOST:
            yield from ports
            return
        for start in (ports.start, *(port + 1 for port in self._ports.latest if port in ports)):
            yield from range(start, min(start + ahead, ports.stop))


def requested_ports(container: Mapping[str, Any]) -> list[range]:
    """The host's ports that a container requests; dockerd chooses from the ranges longer than one."""
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
