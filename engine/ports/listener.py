"""Listens at one of the host's ports, and carries what comes there to a container.

TCP goes by streams of ours, to any address of a container. Datagrams over IPv4 are left to :class:`Datagrams`
(QEMU's user network), which knows neither IPv6 nor the machine's own loopback: those go by datagrams.py.
The link may be away for a moment: a connection waits for it, as one to the engine's socket does.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import logging
import socket
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from engine.endpoint.local import LocalStream
from engine.endpoint.relay import relay, uncounted
from engine.ports.datagrams import DatagramServer
from engine.ports.sockets import bound
from vm.errors import LinkError, MachineError
from vm.guest.forward import Forward
from vm.guest.stream import Carrier, Stream
from vm.tasks import TaskSet

log = logging.getLogger(__name__)

BACKLOG = 1024
CONNECT_SECONDS = 130.0
"""How long a connection waits for the link and for the container to accept; Linux itself tries for 127 seconds
(tcp(7), tcp_syn_retries)."""


class Datagrams(Protocol):
    """Carries UDP over IPv4 from a port of the host to the same port of the machine."""

    async def add(self, forward: Forward) -> None:
        """Start carrying. :raise MachineError: the port cannot be taken."""
        ...

    async def remove(self, forward: Forward) -> None:
        """Stop carrying. :raise MachineError: QEMU does not answer."""
        ...


@dataclass(eq=False)
class Published:
    """One published port.

    :ivar address: where the host listens.    :ivar failure: why it does not; empty when it does.
    :ivar clients: open connections.    :ivar waits: whether the port is taken as soon as it is free.
    """

    forward: Forward
    address: str
    failure: str = ""
    server: asyncio.Server | DatagramServer | None = None
    clients: set[LocalStream] = field(default_factory=set)
    waits: bool = False

    @property
    def by_network(self) -> bool:
        """Whether :class:`Datagrams` carries it."""
        return self.forward.protocol == "udp" and not self.failure and self.server is None


class Listener:
    """Takes and releases ports of the host, and serves their connections.

    :param datagrams: carries UDP over IPv4.
    """

    def __init__(self, datagrams: Datagrams) -> None:
        self._datagrams = datagrams
        self._carrier: Carrier | None = None
        self._linked = asyncio.Event()
        self._serving = TaskSet()

    def use(self, carrier: Carrier | None) -> None:
        """Carry connections over ``carrier`` from now on; they wait while it is None."""
        self._carrier = carrier
        if carrier is None:
            self._linked.clear()
        else:
            self._linked.set()

    async def close(self) -> None:
        """End all connections. Idempotent."""
        await self._serving.close()

    async def take(self, published: Published) -> None:
        """Take the port. :raise OSError: it cannot be taken.    :raise MachineError: QEMU cannot take it."""
        forward, address = published.forward, published.address
        if forward.protocol == "tcp":
            published.server = await self._listen(published)
        elif ":" in address or ipaddress.ip_address(forward.guest_address).is_loopback:
            published.server = await DatagramServer.listen(address, forward.port, partial(self._open_udp, forward))
        else:
            await self._datagrams.add(replace(forward, address=address))

    async def release(self, published: Published) -> None:
        """Give the port back, while the machine goes on; returns when the port is free."""
        self.drop(published)
        if isinstance(published.server, DatagramServer):
            await published.server.closed
        if published.by_network:
            try:
                await self._datagrams.remove(replace(published.forward, address=published.address))
            except MachineError as error:
                log.warning("port %d/udp stays with QEMU: %s", published.forward.port, error.message)

    def drop(self, published: Published) -> None:
        """Stop listening and end the port's connections at once."""
        if published.server is not None:
            published.server.close()
        for client in list(published.clients):
            client.abort()

    # -- connections ----------------------------------------------------------------------------------------------

    async def _listen(self, published: Published) -> asyncio.Server:
        sock = bound(socket.SOCK_STREAM, published.address, published.forward.port)
        try:
            return await asyncio.get_running_loop().create_server(
                lambda: LocalStream(lambda client: self._accepted(published, client)), sock=sock, backlog=BACKLOG
            )
        except BaseException:
            sock.close()
            raise

    def _accepted(self, published: Published, client: LocalStream) -> None:
        published.clients.add(client)
        client.ended.add_done_callback(lambda _: published.clients.discard(client))
        self._serving.spawn(self._serve(published.forward, client), f"port {published.forward.port}")

    async def _serve(self, forward: Forward, client: LocalStream) -> None:
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                carrier = await self._carrier_for(client)
                guest = await carrier.open_tcp(forward.guest_address, forward.guest_port)
            with contextlib.suppress(LinkError):  # relay() has cut the client off already
                await relay(client, guest, uncounted, uncounted)
        except (LinkError, TimeoutError, ConnectionError) as error:
            log.debug("port %d: %s", forward.port, error)
            client.reset()
        except BaseException:
            client.abort()
            raise

    async def _open_udp(self, forward: Forward) -> Stream:
        while self._carrier is None:
            await self._linked.wait()
        return await self._carrier.open_udp(forward.guest_address, forward.guest_port)

    async def _carrier_for(self, client: LocalStream) -> Carrier:
        """Wait for the link, but not longer than the client does. :raise ConnectionResetError: it left."""
        while self._carrier is None:
            linked = asyncio.ensure_future(self._linked.wait())
            try:
                await asyncio.wait((linked, client.gone), return_when=asyncio.FIRST_COMPLETED)
            finally:
                linked.cancel()
            if client.gone.done():
                raise ConnectionResetError("the client left while it waited")
        return self._carrier
