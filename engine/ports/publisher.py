"""The publisher: one listener for each port that dockerd publishes, and the way from it to the container.

TCP is carried by streams of ours, to any address of a container's. Datagrams are left to whoever can carry them as
such (:class:`Datagrams`; QEMU's user network). Requests are taken one after the other, so that the release of a
port is done before the next one asks for it. The way into the machine may be away for a moment: a connection waits
for it, as one to the engine's socket does.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from engine.endpoint.local import LocalStream
from engine.endpoint.relay import relay
from engine.ports.holder import holder_of
from vm.errors import LinkError, MachineError
from vm.guest.forward import Forward
from vm.guest.stream import Carrier

log = logging.getLogger(__name__)

BACKLOG = 1024
WAY_SECONDS = 30.0
"""For the way into the machine to be there again, and for the container to accept."""

NOT_CARRIED = "{} is not carried to this computer"

NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""What binding to an IPv6 address says on a computer without IPv6."""

Answer = Callable[[str], Awaitable[None]]


class Datagrams(Protocol):
    """Carries UDP over IPv4 from a port of this computer to the same port of the machine."""

    async def add(self, forward: Forward) -> None:
        """Begin to. :raise MachineError: the port cannot be had."""
        ...

    async def remove(self, forward: Forward) -> None:
        """Do it no longer. :raise MachineError: nobody can be asked."""
        ...


@dataclass(eq=False)
class Published:
    """One published port.

    :ivar failure: why this computer does not listen; empty when it does.    :ivar clients: open connections.
    """

    forward: Forward
    failure: str = ""
    server: asyncio.Server | None = None
    clients: set[LocalStream] = field(default_factory=set)


class Publisher:
    """All published ports of one machine; belongs to the loop it was made in.

    :param answer: sends the guest a line.
    """

    def __init__(self, answer: Answer, datagrams: Datagrams) -> None:
        self._answer = answer
        self._datagrams = datagrams
        self._published: dict[str, Published] = {}
        self._requests: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._carrier: Carrier | None = None
        self._turned = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def published(self) -> list[Published]:
        """What is published now."""
        return list(self._published.values())

    def asked(self, word: str, rest: str) -> None:
        """Take a request of the guest's: ``publish FORWARD`` (see vm/guest/forward.py) or ``release KEY``."""
        self._requests.put_nowait((word, rest))
        if self._work is None:
            self._work = asyncio.get_running_loop().create_task(self._take_requests(), name="publish ports")

    def use(self, carrier: Carrier | None) -> None:
        """The way into the machine from now on; None while there is none."""
        self._carrier = carrier
        self._turned.set()
        self._turned = asyncio.Event()

    def clear(self) -> None:
        """The machine has ended: give every port back."""
        self.use(None)
        for key in list(self._published):
            self._release(key)

    async def close(self) -> None:
        """Give every port back and end all connections. Idempotent."""
        self.clear()
        tasks = [task for task in (self._work, *self._serving) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._work = None

    # -- requests -------------------------------------------------------------------------------------------------

    async def _take_requests(self) -> None:
        while True:
            word, rest = await self._requests.get()
            if word == "release":
                await self._withdraw(rest.strip())
                continue
            try:
                forward = Forward.parse(rest)
            except ValueError as error:
                log.warning("a request for a port is not understood: %r (%s)", rest, error)
                continue
            failure = await self._publish(forward)
            try:
                await self._answer(f"published {forward.key} {failure or 'ok'}")
            except LinkError as error:
                log.warning("the guest could not be answered: %s", error.message)

    async def _publish(self, forward: Forward) -> str:
        """Listen; the reason why not, else empty."""
        known = self._published.get(forward.key)
        if known is not None and known.forward == forward and not known.failure:
            return ""
        await self._withdraw(forward.key)
        if forward.protocol != "tcp":
            return await self._publish_datagrams(forward)
        published = Published(forward)
        try:
            published.server = await self._listen(published)
        except OSError as error:
            if error.errno in NOT_HERE and ipaddress.ip_address(forward.address).version == 6:
                self._published[forward.key] = Published(forward, "this computer has no such IPv6 address")
                return ""
            return await self._reason(forward, error)
        self._published[forward.key] = published
        log.info("published %s port %d", forward.address, forward.port)
        return ""

    async def _publish_datagrams(self, forward: Forward) -> str:
        if forward.protocol != "udp" or ":" in forward.address:
            # the container has its port all the same: others in the machine may use it
            kind = "UDP over IPv6" if forward.protocol == "udp" else forward.protocol.upper()
            self._published[forward.key] = Published(forward, NOT_CARRIED.format(kind))
            return ""
        try:
            await self._datagrams.add(forward)
        except MachineError as error:
            holder = await asyncio.to_thread(holder_of, forward.protocol, forward.address, forward.port)
            why = f"the port is in use on this computer by {holder}" if holder else error.detail or error.message
            return f"Bind for {forward.address}:{forward.port}/udp failed: {' '.join(why.split())}"
        self._published[forward.key] = Published(forward)
        log.info("published %s port %d/udp", forward.address, forward.port)
        return ""

    async def _withdraw(self, key: str) -> None:
        """The machine goes on without this port."""
        published = self._published.get(key)
        self._release(key)
        if published is not None and published.forward.protocol == "udp" and not published.failure:
            try:
                await self._datagrams.remove(published.forward)
            except MachineError as error:
                log.warning("port %d/udp stays with QEMU: %s", published.forward.port, error.message)

    async def _listen(self, published: Published) -> asyncio.Server:
        forward = published.forward
        version = ipaddress.ip_address(forward.address).version
        sock = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_STREAM)
        try:
            if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows: SO_REUSEADDR would share the port with anybody
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            else:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if version == 6:
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.bind((forward.address, forward.port))
            return await asyncio.get_running_loop().create_server(
                lambda: LocalStream(lambda client: self._accepted(published, client)), sock=sock, backlog=BACKLOG
            )
        except BaseException:
            sock.close()
            raise

    async def _reason(self, forward: Forward, error: OSError) -> str:
        shown = f"[{forward.address}]" if ":" in forward.address else forward.address
        place = f"Bind for {shown}:{forward.port} failed"
        if error.errno == errno.EADDRINUSE:
            holder = await asyncio.to_thread(holder_of, forward.protocol, forward.address, forward.port)
            return f"{place}: the port is in use on this computer" + (f" by {holder}" if holder else "")
        if error.errno == errno.EACCES:
            return f"{place}: ports below 1024 are for the administrator on this computer; choose a higher one"
        if error.errno == errno.EADDRNOTAVAIL:
            return f"{place}: this computer has no such address"
        return f"{place}: {error.strerror or error}"

    def _release(self, key: str) -> None:
        published = self._published.pop(key, None)
        if published is None:
            return
        if published.server is not None:
            published.server.close()
        for client in list(published.clients):
            client.abort()

    # -- connections ----------------------------------------------------------------------------------------------

    def _accepted(self, published: Published, client: LocalStream) -> None:
        published.clients.add(client)
        client.ended.add_done_callback(lambda _: published.clients.discard(client))
        task = asyncio.get_running_loop().create_task(self._serve(published.forward, client))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _serve(self, forward: Forward, client: LocalStream) -> None:
        try:
            async with asyncio.timeout(WAY_SECONDS):
                carrier = await self._way(client)
                guest = await carrier.open_tcp(forward.guest_address, forward.guest_port)
            with contextlib.suppress(LinkError):  # relay() has cut the client off already
                await relay(client, guest, _uncounted, _uncounted)
        except (LinkError, TimeoutError, ConnectionError) as error:
            log.debug("port %d: %s", forward.port, error)
            client.abort()
        except BaseException:
            client.abort()
            raise

    async def _way(self, client: LocalStream) -> Carrier:
        while self._carrier is None:
            turned = asyncio.ensure_future(self._turned.wait())
            try:
                await asyncio.wait((turned, client.gone), return_when=asyncio.FIRST_COMPLETED)
            finally:
                turned.cancel()
            if client.gone.done():
                raise ConnectionResetError("the client left while it waited")
        return self._carrier


def _uncounted(size: int) -> None:
    """Nobody counts these bytes."""
