"""Published UDP that no network of QEMU's carries: a socket here, and for each client a stream into the machine.

A stream keeps the bounds of datagrams, and is given up when nothing has come or gone for a while, as docker-proxy
does it. What cannot be passed on is dropped, as any network would, so that nothing waits or piles up.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable
from typing import cast

from engine.ports.sockets import bound
from vm.errors import LinkError
from vm.guest.capsules import Capsules, capsule
from vm.guest.stream import Stream

log = logging.getLogger(__name__)

IDLE_SECONDS = 90.0
"""After which a client is forgotten: docker-proxy's UDPConnTrackTimeout."""

OPEN_SECONDS = 30.0
"""For the way into the machine to be there."""

CLIENTS = 1024
"""At once for one port; the one that was silent longest has to go for the next."""

QUEUED = 128
"""Datagrams of one client that wait for the link."""

PIECE = 256 * 1024

Address = tuple[str | int, ...]
Open = Callable[[], Awaitable[Stream]]


class DatagramServer(asyncio.DatagramProtocol):
    """One port of the host.

    :param open_stream: to the container, as often as there are clients.
    """

    def __init__(self, open_stream: Open) -> None:
        self.open_stream = open_stream
        self.clients: dict[Address, Client] = {}
        self._transport: asyncio.DatagramTransport | None = None
        self._writable = True
        self.closed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the port is free again."""

    @classmethod
    async def listen(cls, address: str, port: int, open_stream: Open) -> DatagramServer:
        """Take the port. :raise OSError: it is in use, or not ours to take."""
        sock = bound(socket.SOCK_DGRAM, address, port)
        try:
            loop = asyncio.get_running_loop()
            _, made = await loop.create_datagram_endpoint(lambda: cls(open_stream), sock=sock)
        except BaseException:
            sock.close()
            raise
        return made

    def close(self) -> None:
        """Give the port back in a moment, and forget all clients at once."""
        if self._transport is not None:
            self._transport.abort()
        for client in self.clients.values():
            client.task.cancel()

    def answer(self, address: Address, data: bytes) -> None:
        """Send a datagram of the container's to a client."""
        if self._transport is not None and self._writable:
            self._transport.sendto(data, address)

    # -- asyncio.DatagramProtocol ---------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set_result(None)

    def datagram_received(self, data: bytes, address: Address) -> None:
        client = self.clients.pop(address, None)
        if client is None:
            if len(self.clients) >= CLIENTS:
                next(iter(self.clients.values())).task.cancel()
            client = Client(self, address)
            client.task.add_done_callback(lambda _: self._forget(client))
        self.clients[address] = client  # at the end: the order is that of their last datagrams
        client.pass_on(data)

    def _forget(self, client: Client) -> None:
        if self.clients.get(client.address) is client:
            del self.clients[client.address]

    def error_received(self, exc: Exception) -> None:
        log.debug("datagrams: %s", exc)  # a client that is no longer there

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True


class Client:
    """One that has sent something, and the stream that carries it."""

    def __init__(self, server: DatagramServer, address: Address) -> None:
        self.address = address
        self._server = server
        self._queue: asyncio.Queue[bytes] = asyncio.Queue(QUEUED)
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self.task = self._loop.create_task(self._serve())

    @property
    def waiting(self) -> int:
        """Datagrams that wait for the link."""
        return self._queue.qsize()

    def pass_on(self, data: bytes) -> None:
        """Have a datagram taken to the container, unless too many wait already."""
        self._last = self._loop.time()
        if not self._queue.full():
            self._queue.put_nowait(data)

    async def _serve(self) -> None:
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                stream = await self._server.open_stream()
        except (LinkError, TimeoutError) as error:
            log.debug("datagrams of %s: %s", self.address, error)
            return
        tasks = [self._loop.create_task(work) for work in (self._up(stream), self._down(stream), self._silence())]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception):
                    log.debug("datagrams of %s: %s", self.address, outcome)
            await stream.close()

    async def _up(self, stream: Stream) -> None:
        while True:
            data = capsule(await self._queue.get())
            while not self._queue.empty() and len(data) < PIECE:
                data += capsule(self._queue.get_nowait())
            await stream.write(data)

    async def _down(self, stream: Stream) -> None:
        capsules = Capsules()
        while piece := await stream.read(PIECE):
            self._last = self._loop.time()
            for data in capsules.feed(piece):
                self._server.answer(self.address, data)

    async def _silence(self) -> None:
        """Wait until nothing has come or gone for long enough."""
        while (left := self._last + IDLE_SECONDS - self._loop.time()) > 0:
            await asyncio.sleep(left)
