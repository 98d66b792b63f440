"""The publisher: one listener for each port that dockerd publishes, and the way from it to the container.

TCP is carried by streams of ours, to any address of a container's. Datagrams over IPv4 are left to whoever can
carry them as such (:class:`Datagrams`; QEMU's user network); it knows neither IPv6 nor the machine's own loopback,
to which datagrams.py carries them.
Requests are taken one after the other, so that the release of a port is done before the next one asks for it. The
way into the machine may be away for a moment: a connection waits for it, as one to the engine's socket does.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import ipaddress
import logging
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Protocol

from engine.endpoint.local import LocalStream
from engine.endpoint.relay import relay, uncounted
from engine.ports.datagrams import DatagramServer
from engine.ports.holder import holder_of
from engine.ports.sockets import bound
from vm.errors import LinkError, MachineError
from vm.guest.forward import Forward
from vm.guest.stream import Carrier, Stream

log = logging.getLogger(__name__)

BACKLOG = 1024
WAY_SECONDS = 130.0
"""For the way into the machine to be there again, and for the container to accept: a busy one takes its time, and
Linux tries for 127 seconds (tcp(7), tcp_syn_retries)."""

RETRY_SECONDS = 5.0
"""Between two attempts to have a port that is taken."""

RETRIES_WITHOUT_LOOKING = 12
"""After which it is looked up again who has it."""

CARRIED = ("tcp", "udp")
NOT_CARRIED = "{} is not carried to this computer"

NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""What binding to an IPv6 address says on a computer without IPv6."""

NO_IPV6 = "this computer has no such IPv6 address"

LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""What is left of every address of a family for this computer only."""

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

    :ivar address: where this computer listens.    :ivar failure: why it does not; empty when it does.
    :ivar clients: open connections.    :ivar waits: whether it is taken as soon as it is free.
    """

    forward: Forward
    address: str
    failure: str = ""
    server: asyncio.Server | DatagramServer | None = None
    clients: set[LocalStream] = field(default_factory=set)
    waits: bool = False

    @property
    def by_network(self) -> bool:
        """Whether it is carried by others: IPv4 datagrams, by QEMU's user network."""
        return self.forward.protocol == "udp" and not self.failure and self.server is None


class Publisher:
    """All published ports of one machine; belongs to the loop it was made in.

    :param answer: sends the guest a line.
    :param loopback_only: listen on the loopback address where every address was asked for.
    """

    def __init__(self, answer: Answer, datagrams: Datagrams, *, loopback_only: bool = False) -> None:
        self._answer = answer
        self._datagrams = datagrams
        self._loopback_only = loopback_only
        self._published: dict[str, Published] = {}
        self._latest: dict[tuple[str, str], int] = {}
        self._followed: dict[str, list[Forward]] = {}
        self._following: set[str] = set()
        self._requests: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._carrier: Carrier | None = None
        self._turned = asyncio.Event()
        self._work: asyncio.Task[None] | None = None
        self._retrying: asyncio.Task[None] | None = None
        self._retries = 0
        self._serving: set[asyncio.Task[None]] = set()

    @property
    def in_use(self) -> set[int]:
        """The ports that are listened on now, whatever for."""
        return {one.forward.port for one in self._published.values() if not one.failure}

    @property
    def latest(self) -> Iterable[int]:
        """The last port that was asked for, of each protocol and address."""
        return self._latest.values()

    @property
    def any_address(self) -> Sequence[str]:
        """Where is listened for what is published at every address."""
        return [here if self._loopback_only else anywhere for anywhere, here in LOOPBACK.items()]

    @property
    def published(self) -> list[Published]:
        """What is published now."""
        return list(self._published.values())

    def asked(self, word: str, rest: str) -> None:
        """Take a request of the guest's: ``publish FORWARD`` (see vm/guest/forward.py) or ``release KEY``.

        ``repeat FORWARD`` is for a container that runs, or that dockerd starts by itself: when the port is taken
        the container goes on without, the reason is there, and the port is had as soon as it is free.
        """
        self._ask(word, rest)

    def follow(self, what: str, forwards: Iterable[Forward]) -> None:
        """Listen for just these, of all that ``what`` has, besides what the guest asks for.

        What fails is there with the reason. Keys have to differ from each other's.
        """
        self._followed[what] = list(forwards)
        self._ask("follow", "")

    def set_loopback_only(self, loopback_only: bool) -> None:
        """Whether what is published at every address is for this computer only, also what is published now.

        What is open there is cut off when this changes.
        """
        if loopback_only != self._loopback_only:
            self._loopback_only = loopback_only
            self._ask("move", "")

    def _ask(self, word: str, rest: str) -> None:
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
        self._followed, self._following = {}, set()
        for key in list(self._published):
            self._release(key)

    async def close(self) -> None:
        """Give every port back and end all connections. Idempotent."""
        self.clear()
        tasks = [task for task in (self._work, self._retrying, *self._serving) if task is not None]
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
            elif word == "move":
                await self._move()
            elif word == "follow":
                await self._follow()
            elif word == "retry":
                await self._retry()
            else:
                await self._answer_request(rest, repeated=word == "repeat")

    async def _answer_request(self, rest: str, *, repeated: bool) -> None:
        try:
            forward = Forward.parse(rest)
        except ValueError as error:
            log.warning("a request for a port is not understood: %r (%s)", rest, error)
            return
        self._latest[forward.protocol, forward.address] = forward.port
        failure = await self._publish(forward)
        if failure and repeated:  # nobody waits for the answer, or only who cannot do anything about it
            self._keep(forward, failure)
            failure = ""
        try:
            await self._answer(f"published {forward.key} {failure or 'ok'}")
        except LinkError as error:
            log.warning("the guest could not be answered: %s", error.message)

    async def _follow(self) -> None:
        followed = {forward.key: forward for found in self._followed.values() for forward in found}
        for key in self._following - followed.keys():
            await self._withdraw(key)
        self._following = set(followed)
        for forward in followed.values():
            await self._publish_or_keep(forward)

    async def _move(self) -> None:
        """Listen elsewhere for what is published at every address."""
        for one in self.published:
            if one.address != self._place(one.forward):
                await self._publish_or_keep(one.forward)

    async def _publish_or_keep(self, forward: Forward) -> None:
        failure = await self._publish(forward)
        if failure:
            self._keep(forward, failure)

    def _keep(self, forward: Forward, failure: str) -> None:
        """It is there all the same, with the reason, and is tried again."""
        log.warning("%s", failure)
        self._published[forward.key] = Published(forward, self._place(forward), failure, waits=True)
        if self._retrying is None or self._retrying.done():
            self._retrying = asyncio.get_running_loop().create_task(self._ask_to_retry(), name="retry ports")

    async def _ask_to_retry(self) -> None:
        while any(one.waits for one in self.published):
            await asyncio.sleep(RETRY_SECONDS)
            self._ask("retry", "")

    async def _retry(self) -> None:
        """Who has one that is still taken is looked up now and then: all processes are looked through for it."""
        self._retries += 1
        for one in self.published:
            if not one.waits:
                continue
            made = Published(one.forward, self._place(one.forward))
            try:
                await self._take(made)
            except (OSError, MachineError) as error:
                if self._retries % RETRIES_WITHOUT_LOOKING == 0:
                    one.failure = await self._reason(one, error)
            else:
                self._published[one.forward.key] = made
                log.info(
                    "published %s port %d/%s: it is free now", made.address, one.forward.port, one.forward.protocol
                )

    def _place(self, forward: Forward) -> str:
        return LOOPBACK.get(forward.address, forward.address) if self._loopback_only else forward.address

    async def _publish(self, forward: Forward) -> str:
        """Listen; the reason why not, else empty."""
        made = Published(forward, self._place(forward))
        known = self._published.get(forward.key)
        if known is not None and (known.forward, known.address) == (forward, made.address) and not known.failure:
            return ""
        await self._withdraw(forward.key)
        failure = ""
        if forward.protocol not in CARRIED:
            # the container has its port all the same: others in the machine may use it
            made.failure = NOT_CARRIED.format(forward.protocol.upper())
        else:
            failure = await self._listen(made)
        if not failure:
            self._published[forward.key] = made
            if not made.failure:
                log.info("published %s port %d/%s", made.address, forward.port, forward.protocol)
        return failure

    async def _withdraw(self, key: str) -> None:
        """The machine goes on without this port."""
        published = self._published.get(key)
        self._release(key)
        if published is not None and isinstance(published.server, DatagramServer):
            await published.server.closed
        if published is not None and published.by_network:
            try:
                await self._datagrams.remove(replace(published.forward, address=published.address))
            except MachineError as error:
                log.warning("port %d/udp stays with QEMU: %s", published.forward.port, error.message)

    async def _listen(self, published: Published) -> str:
        """Take the port; the reason why not, else empty."""
        try:
            await self._take(published)
        except OSError as error:
            if error.errno in NOT_HERE and ":" in published.address:
                published.failure = NO_IPV6
                return ""
            return await self._reason(published, error)
        except MachineError as error:
            return await self._reason(published, error)
        return ""

    async def _take(self, published: Published) -> None:
        """:raise OSError: the port cannot be had.    :raise MachineError: QEMU cannot have it."""
        forward, address = published.forward, published.address
        if forward.protocol == "tcp":
            published.server = await self._accept(published)
        elif ":" in address or ipaddress.ip_address(forward.guest_address).is_loopback:
            published.server = await DatagramServer.listen(address, forward.port, partial(self._open_udp, forward))
        else:
            await self._datagrams.add(replace(forward, address=address))

    async def _accept(self, published: Published) -> asyncio.Server:
        sock = bound(socket.SOCK_STREAM, published.address, published.forward.port)
        try:
            return await asyncio.get_running_loop().create_server(
                lambda: LocalStream(lambda client: self._accepted(published, client)), sock=sock, backlog=BACKLOG
            )
        except BaseException:
            sock.close()
            raise

    async def _reason(self, published: Published, error: OSError | MachineError) -> str:
        protocol, port, address = published.forward.protocol, published.forward.port, published.address
        shown = f"[{address}]" if ":" in address else address
        place = f"Bind for {shown}:{port}{'/udp' if protocol == 'udp' else ''} failed"
        if isinstance(error, MachineError) or error.errno == errno.EADDRINUSE:
            holder = await asyncio.to_thread(holder_of, protocol, address, port)
            if holder or not isinstance(error, MachineError):
                return f"{place}: the port is in use on this computer" + (f" by {holder}" if holder else "")
            return f"{place}: {' '.join((error.detail or error.message).split())}"
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
                await relay(client, guest, uncounted, uncounted)
        except (LinkError, TimeoutError, ConnectionError) as error:
            log.debug("port %d: %s", forward.port, error)
            client.reset()
        except BaseException:
            client.abort()
            raise

    async def _open_udp(self, forward: Forward) -> Stream:
        while self._carrier is None:
            await self._turned.wait()
        return await self._carrier.open_udp(forward.guest_address, forward.guest_port)

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
