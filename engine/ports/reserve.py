"""Ports that dockerd may choose, but must not: they are in use on this computer.

dockerd chooses a port by itself for ``-P``, ``-p 80`` and ``-p 8000-8010:80``, by trying which one the machine has
free. When this computer refuses it afterwards, dockerd gives up and does not try the next. So before a container
starts, the ports that dockerd would come to next are tried here, and those that are taken are held in the machine.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import json
import logging
import re
import socket
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Protocol

from engine.ports.sockets import bound
from vm.errors import LinkError

log = logging.getLogger(__name__)

RANDOM = range(55000, 65536)
"""Where dockerd chooses when no port is named: the machine's ``net.ipv4.ip_local_port_range``, in sysctl.conf."""

AHEAD = 64
"""So many ports are tried from the one dockerd comes to next: more than a container publishes."""

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
        """The last one that was asked for, of each protocol."""
        ...

    @property
    def any_address(self) -> Sequence[str]:
        """Where this computer listens for what is published at every address."""
        ...


Hold = Callable[[Sequence[int]], Awaitable[None]]
"""Has the machine hold these ports, and no others. Raises :class:`~vm.errors.LinkError`."""


class Reserve:
    """Looks at requests to create or start containers (a :data:`~engine.endpoint.rewrite.Judge`); changes none.

    :ivar held: what the machine holds.
    """

    def __init__(self, ports: Ports, hold: Hold) -> None:
        self.held: frozenset[int] = frozenset()
        self._ports = ports
        self._hold = hold
        self._named: set[int] = set()
        self._one = asyncio.Lock()

    def clear(self) -> None:
        """The machine has ended, and holds nothing any more."""
        self.held = frozenset()

    async def __call__(self, body: bytes) -> bytes:
        """The same body, when what it needs is held."""
        asked = list(wishes(body))
        if body and not asked:
            return body
        async with self._one:
            # who names a port is told, when it is taken, who has it
            self._named |= {ports[0] for ports in asked if len(ports) == 1}
            choices = [ports[:MOST] for ports in asked if len(ports) > 1] or [*self._next()]
            wanted = {*itertools.chain(*choices), *self.held} - self._named - self._ports.in_use
            taken = await asyncio.to_thread(_taken, sorted(wanted), self._ports.any_address)
            if taken != self.held:
                await self._change(taken)
        return body

    async def begin_anew(self) -> None:
        """Hold nothing, whatever somebody before us had the machine hold."""
        async with self._one:
            await self._change(frozenset())

    async def _change(self, ports: frozenset[int]) -> None:
        try:
            await self._hold(sorted(ports))
        except LinkError as error:  # dockerd may choose one of them, and the container does not start
            log.warning("ports in use here are not held in the machine: %s %s", error.message, error.detail)
        else:
            log.info("held in the machine, as they are in use here: %s", sorted(ports))
            self.held = ports

    def _next(self) -> Iterator[range]:
        """What dockerd comes to next: after the last one, or from the beginning when it has been restarted."""
        for start in {RANDOM.start, *(port + 1 for port in self._ports.latest if port in RANDOM)}:
            yield range(start, min(start + AHEAD, RANDOM.stop))


def wishes(body: bytes) -> Iterator[range]:
    """The host ports that a request to create a container names (Docker API, HostConfig.PortBindings)."""
    try:
        bindings = json.loads(body)["HostConfig"]["PortBindings"].values()
        named = [binding["HostPort"] for listed in bindings for binding in listed]
    except (ValueError, KeyError, TypeError, AttributeError):
        return  # nothing published, or nonsense: dockerd says what is wrong
    for ports in named:
        match = _PORTS.fullmatch(ports) if isinstance(ports, str) else None
        if match is not None and 0 < (first := int(match[1])) <= (last := int(match[2] or first)) < 65536:
            yield range(first, last + 1)


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
