"""The publisher: which of the host's ports are published, by request of dockerd's proxy programs and of ours.

Requests are handled one after the other, so that a port's release is done before the next request for it. An
unforeseen error in one is logged and answered, and the next one is handled.
"""

from __future__ import annotations

import asyncio
import errno
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence

from engine.ports.bind_errors import explain
from engine.ports.listener import Datagrams, Listener, Published
from vm.errors import LinkError, MachineError
from vm.guest.forward import Forward
from vm.guest.stream import Carrier
from vm.tasks import SupervisedTask, TaskHealth

log = logging.getLogger(__name__)

RETRY_SECONDS = 5.0
"""Between two attempts to take a port that is in use."""

RETRIES_WITHOUT_LOOKING = 12
"""After so many attempts the port's owner is looked up again, which reads all processes."""

CARRIED = ("tcp", "udp")
NOT_CARRIED = "{} cannot be published on your computer"

NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""Errors of binding to an IPv6 address on a host without IPv6."""

NO_IPV6 = "your computer does not have this IPv6 address"

LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}
"""The loopback address in place of every address of a family."""

FAILED = "an error in Slipway, see: slipway logs"

Answer = Callable[[str], Awaitable[None]]


class Publisher:
    """All published ports of one machine; belongs to the loop it was made in.

    :param answer: sends the guest a line.
    :param loopback_only: listen on the loopback address where every address was asked for.
    :ivar handled: called after each request, when ports may have been taken or given back.
    """

    def __init__(self, answer: Answer, datagrams: Datagrams, *, loopback_only: bool = False) -> None:
        self.handled: list[Callable[[], None]] = []
        self._answer = answer
        self._listener = Listener(datagrams)
        self._loopback_only = loopback_only
        self._published: dict[str, Published] = {}
        self._latest: dict[tuple[str, str], int] = {}
        self._followed: dict[str, list[Forward]] = {}
        self._following: set[str] = set()
        self._requests: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
        self._task = SupervisedTask("publish ports", self._handle_requests)
        self._retrying: asyncio.TimerHandle | None = None
        self._retries = 0

    @property
    def in_use(self) -> set[int]:
        """The ports that are listened on now, for whatever reason."""
        return {one.forward.port for one in self._published.values() if not one.failure}

    @property
    def latest(self) -> Iterable[int]:
        """The last port requested, for each protocol and address."""
        return self._latest.values()

    @property
    def any_address(self) -> Sequence[str]:
        """Where the host listens for what is published at every address."""
        return [here if self._loopback_only else anywhere for anywhere, here in LOOPBACK.items()]

    @property
    def published(self) -> list[Published]:
        """What is published now."""
        return list(self._published.values())

    @property
    def waiting(self) -> dict[str, str]:
        """Why ports are not published yet, by the forward's key."""
        return {key: one.failure for key, one in self._published.items() if one.waits}

    @property
    def health(self) -> TaskHealth:
        """How the handling of requests is doing."""
        return self._task.health

    def asked(self, word: str, rest: str) -> None:
        """Handle a request of the guest's: ``publish FORWARD`` (see vm/guest/forward.py) or ``release KEY``.

        ``repeat FORWARD`` is for a container that runs, or that dockerd starts by itself: when the port is in use
        the container goes on without it, the reason is kept, and the port is taken as soon as it is free.
        """
        self._ask(word, rest)

    def follow(self, what: str, forwards: Iterable[Forward]) -> None:
        """Listen for just these forwards of ``what``, besides what the guest requests.

        A port that cannot be taken is kept with the reason. Keys must differ from those of others.
        """
        self._followed[what] = list(forwards)
        self._ask("follow", "")

    def set_loopback_only(self, loopback_only: bool) -> None:
        """Listen on the loopback address, or not, where every address was asked for; applies to open ports too.

        Connections through a port that moves are cut.
        """
        if loopback_only != self._loopback_only:
            self._loopback_only = loopback_only
            self._ask("move", "")

    def use(self, carrier: Carrier | None) -> None:
        """Carry connections over ``carrier`` from now on; they wait while it is None."""
        self._listener.use(carrier)

    def clear(self) -> None:
        """The machine has ended: give every port back."""
        self.use(None)
        while not self._requests.empty():
            self._requests.get_nowait()
        self._followed, self._following = {}, set()
        for one in self.published:
            self._listener.drop(one)
        self._published.clear()

    async def close(self) -> None:
        """Give every port back and end all connections. Idempotent."""
        self.clear()
        if self._retrying is not None:
            self._retrying.cancel()
        await self._task.stop()
        await self._listener.close()

    # -- requests -------------------------------------------------------------------------------------------------

    def _ask(self, word: str, rest: str) -> None:
        self._requests.put_nowait((word, rest))
        self._task.start()

    async def _handle_requests(self) -> None:
        while True:
            word, rest = await self._requests.get()
            try:
                await self._handle(word, rest)
            except Exception:
                log.exception("the request “%s %s” failed", word, rest)
            for call in self.handled:
                call()

    async def _handle(self, word: str, rest: str) -> None:
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
        try:
            failure = await self._publish(forward)
        except Exception:
            await self._send(f"published {forward.key} {FAILED}")
            raise
        if failure and repeated:  # the container starts without the port
            self._keep(forward, failure)
            failure = ""
        await self._send(f"published {forward.key} {failure or 'ok'}")

    async def _send(self, line: str) -> None:
        try:
            await self._answer(line)
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
            if one.address != self._address(one.forward):
                await self._publish_or_keep(one.forward)

    async def _publish_or_keep(self, forward: Forward) -> None:
        failure = await self._publish(forward)
        if failure:
            self._keep(forward, failure)

    def _keep(self, forward: Forward, failure: str) -> None:
        """List the port with the reason, and try again later."""
        log.warning("%s", failure)
        self._published[forward.key] = Published(forward, self._address(forward), failure, waits=True)
        self._retry_later()

    def _retry_later(self) -> None:
        if self._retrying is None:
            self._retrying = asyncio.get_running_loop().call_later(RETRY_SECONDS, self._ask, "retry", "")

    async def _retry(self) -> None:
        """Try to take the ports that were in use."""
        self._retrying = None
        self._retries += 1
        for one in [one for one in self.published if one.waits]:
            made = Published(one.forward, self._address(one.forward))
            error = await self._take(made)
            if error is None:
                self._published[one.forward.key] = made
                log.info("published %s: it is free now", _name(made))
            elif self._retries % RETRIES_WITHOUT_LOOKING == 0:
                one.failure = await explain(one.forward.protocol, made.address, one.forward.port, error)
        if any(one.waits for one in self.published):
            self._retry_later()

    def _address(self, forward: Forward) -> str:
        return LOOPBACK.get(forward.address, forward.address) if self._loopback_only else forward.address

    async def _publish(self, forward: Forward) -> str:
        """Listen; returns the reason when that fails, else an empty text."""
        made = Published(forward, self._address(forward))
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
                log.info("published %s", _name(made))
        return failure

    async def _withdraw(self, key: str) -> None:
        published = self._published.pop(key, None)
        if published is not None:
            await self._listener.release(published)

    async def _listen(self, published: Published) -> str:
        """Take the port; returns the reason when that fails, else an empty text."""
        forward, address = published.forward, published.address
        error = await self._take(published)
        if error is None:
            return ""
        if isinstance(error, OSError) and error.errno in NOT_HERE and ":" in address:
            published.failure = NO_IPV6
            return ""
        return await explain(forward.protocol, address, forward.port, error)

    async def _take(self, published: Published) -> Exception | None:
        """Take the port; returns what went wrong."""
        try:
            await self._listener.take(published)
        except (OSError, MachineError) as error:
            return error
        except Exception as error:
            log.exception("%s cannot be published", _name(published))
            return error
        return None


def _name(published: Published) -> str:
    return f"{published.address} port {published.forward.port}/{published.forward.protocol}"
