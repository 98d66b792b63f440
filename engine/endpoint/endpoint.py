"""Endpoint: the socket that never disappears while the supervisor lives.

Each connection is a task: wait at the gate, open a stream by its route, relay. A connection that cannot be
carried gets an HTTP answer that names the hop which failed. No error leaves a client without an end.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from engine.endpoint.admission import Admission, AdmittedStream, PlatformAdvice, Unchecked
from engine.endpoint.cutoff import cutoff
from engine.endpoint.gate import Gate, WaitBudget
from engine.endpoint.listener import Listener, local_listener
from engine.endpoint.local import LocalStream
from engine.endpoint.read_ahead import Budget
from engine.endpoint.refusal import Refusal, refuse
from engine.endpoint.relay import ClientStream, relay
from engine.endpoint.replay import ReplayedStream
from engine.endpoint.route import Route
from vm.errors import EngineError, LinkError, UserError
from vm.guest.stream import Stream

log = logging.getLogger(__name__)

READ_AHEAD = 64 * 1024 * 1024
"""Bytes that all connections together may read ahead of clients that are slower than the engine."""

CUT_SECONDS = 2.0
"""For the last answer to reach a client whose connection is ended; one that does not read has no use for it."""

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
"""Seconds between attempts to open a stream that the guest refused."""


@dataclass
class EndpointStats:
    """Counters since the endpoint started."""

    accepted: int = 0
    """Connections that arrived."""
    relayed: int = 0
    """Connections that reached the engine."""
    refused: int = 0
    """Connections answered with an error of ours."""
    cut: int = 0
    """Connections that broke on our side while they were relayed."""
    bytes_to_guest: int = 0
    bytes_to_clients: int = 0


class Endpoint:
    """The listener, the gate, and one task per connection. Belongs to the loop in which it was started."""

    def __init__(
        self,
        path: Path,
        wait_seconds: float = 60.0,
        *,
        retry_seconds: float = 10.0,
        open_seconds: float = 30.0,
        listener: Listener | None = None,
        admission: Admission | None = None,
        advice: PlatformAdvice | None = None,
    ) -> None:
        """
        :param path: the socket
        :param wait_seconds: how long connections wait at a held gate, from the moment it is held
        :param retry_seconds: how long a stream that is refused is asked for again: dockerd may be restarting.
            Until one has been opened since the gate was, it is ``wait_seconds``: dockerd may be starting
        :param open_seconds: how long one attempt to open a stream may take
        :param admission: what checks requests to create or start a container; None: nothing does
        :param advice: what adds to the engine's words when an image is for another platform
        """
        self.path = path
        self.stats = EndpointStats()
        self._retry_seconds = retry_seconds
        self._retrying = WaitBudget(wait_seconds)
        self._open_seconds = open_seconds
        self._listener = listener or local_listener(path)
        self._more_listeners: list[Listener] = []
        self._gate = Gate(wait_seconds)
        self._admission = admission
        self._advice = advice
        self._read_ahead = Budget(READ_AHEAD)
        self._clients: dict[LocalStream, _Connection] = {}

    async def start(self) -> None:
        """Begin to accept connections; the gate is held until told otherwise.

        :raise EngineError: another process listens at the path
        :raise HostError: the path cannot be used
        """
        await self._start(self._listener)

    async def close(self) -> None:
        """Stop listening, end all connections, remove the socket. Idempotent."""
        for listener in (*self._more_listeners, self._listener):
            await self._close(listener)
        self._more_listeners.clear()

    async def listen_also(self, listener: Listener) -> None:
        """Accept connections there as well: by the same gate, with the same admission.

        :raise EngineError: another process listens there
        :raise HostError: the address cannot be used
        """
        await self._start(listener)
        self._more_listeners.append(listener)

    async def listen_no_more(self, listener: Listener) -> None:
        """Give back the address of :meth:`listen_also` and end its connections: on Windows they keep it in use."""
        if listener in self._more_listeners:
            self._more_listeners.remove(listener)
            await self._close(listener)

    def open_gate(self, route: Route) -> None:
        """Let connections through by ``route``, those waiting first and in order."""
        self._retrying.end()
        self._retrying.seconds = self._gate.budget.seconds
        self._gate.open(route)

    def hold(self, reason: str) -> None:
        """Make new connections wait. ``reason`` completes “Slipway's engine is not ready: …”."""
        self._gate.hold(reason)

    def shut(self, error: EngineError) -> None:
        """Answer with ``error`` (HTTP 503) every connection that has no stream yet: new, waiting, being opened.

        Connections that are being relayed go on, but their requests to create or start a container get the same
        answer. Shut the gate before the engine is stopped: then clients learn of the stop, not of what it breaks.
        """
        self._gate.shut(error)

    def set_wait_timeout(self, wait_seconds: float) -> None:
        """From now on let connections wait this long at a held gate."""
        self._gate.budget.seconds = wait_seconds

    async def cut(self, error: EngineError) -> None:
        """End the connections that are being relayed, since the engine behind this is another one from now on.

        A client that waits for an answer gets ``error`` (HTTP 503), unless something of the answer has come; to
        the others the connection ends. Those that wait at the gate go on waiting.
        """
        relayed = [one for one in self._clients.values() if one.side is not None]
        await asyncio.gather(*(self._cut_one(one, Refusal(503, error)) for one in relayed))

    async def _cut_one(self, connection: _Connection, refusal: Refusal) -> None:
        side = connection.side
        if isinstance(side, AdmittedStream) and side.unanswered:
            with contextlib.suppress(ConnectionError, TimeoutError):
                side.say(refusal.encode(close=True))
                async with asyncio.timeout(CUT_SECONDS):
                    await side.close()
        connection.task.cancel()
        await asyncio.wait([connection.task])

    @property
    def connections(self) -> int:
        """Connections now open, those waiting included."""
        return len(self._clients)

    @property
    def waiting(self) -> int:
        """Connections now waiting at the gate."""
        return self._gate.waiting

    # -- one connection -------------------------------------------------------------------------------------------

    async def _start(self, listener: Listener) -> None:
        await listener.start(lambda: LocalStream(partial(self._accepted, listener)))

    async def _close(self, listener: Listener) -> None:
        await listener.close()
        clients = {client: one.task for client, one in self._clients.items() if one.listener is listener}
        for task in clients.values():
            task.cancel()
        await asyncio.gather(*clients.values(), return_exceptions=True)
        for client in clients:
            client.abort()
        await asyncio.gather(*(client.ended for client in clients))

    def _accepted(self, listener: Listener, client: LocalStream) -> None:
        self.stats.accepted += 1
        task = asyncio.get_running_loop().create_task(self._serve(client))
        self._clients[client] = _Connection(task, listener)
        client.ended.add_done_callback(lambda _: self._clients.pop(client))

    async def _serve(self, client: LocalStream) -> None:
        try:
            guest, route = await self._reach(client)
        except _Refused as refused:
            await self._refuse(client, refused.refusal)
        except Exception as error:
            if client.gone.done():
                log.debug("the client left early: %s", error)
                client.abort()
            else:
                log.exception("a connection could not be served")
                await self._refuse(client, Refusal.of(error))
        except BaseException:
            client.abort()
            raise
        else:
            if self._admission is not None:  # so it is HTTP
                guest = ReplayedStream(guest, partial(self._reach_again, client))
            await self._relay(guest, self._side(client, route))

    async def _reach_again(self, client: LocalStream) -> Stream:
        """:raise LinkError: there is no stream in time, or the client has left."""
        try:
            return (await self._reach(client))[0]
        except _Refused as refused:
            error = refused.refusal.error
            raise LinkError(error.message, error.hint, error.detail) from refused
        except ConnectionError as error:
            raise LinkError("The client has left", "", str(error)) from error

    def _side(self, client: LocalStream, route: Route) -> ClientStream:
        """The client as the relay sees it."""
        side: AdmittedStream | LocalStream = client
        if self._admission is not None:
            admission = self._admission if route.admitted else Unchecked()
            advise = partial(self._advice.advise, route) if self._advice is not None else None
            side = AdmittedStream(client, admission, self._turn_away, advise)
        if client in self._clients:  # else it has left
            self._clients[client].side = side
        return side

    async def _relay(self, guest: Stream, side: ClientStream) -> None:
        self.stats.relayed += 1
        try:
            await relay(side, guest, self._sent, self._received, self._read_ahead)
        except LinkError as error:
            self.stats.cut += 1
            log.info("a connection was cut: %s %s", error, error.detail)
        except Exception:
            self.stats.cut += 1
            log.exception("a connection ended by an internal error")

    async def _reach(self, client: LocalStream) -> tuple[Stream, Route]:
        """A stream to the engine, and the way it took.

        :raise _Refused: there will be none in time
        :raise ConnectionResetError: the client has left
        """
        loop = asyncio.get_running_loop()
        arrived = loop.time()
        pause = FIRST_PAUSE
        while True:
            try:
                route = await self._gate.route(arrived, client.gone)
            except EngineError as error:
                raise _Refused(503, error) from error
            changed = self._gate.changed()
            try:
                stream = await self._open(route, changed, client.gone)
            except LinkError as error:
                self._retrying.begin()
                if not changed.done():  # else the gate knows better what is going on
                    if loop.time() + pause > self._retrying.deadline(arrived):
                        raise _Refused(502, error) from error
                    await asyncio.wait((changed, client.gone), timeout=pause, return_when=asyncio.FIRST_COMPLETED)
                    pause = min(2 * pause, LONGEST_PAUSE)
            except UserError as error:
                raise _Refused(503, error) from error
            else:
                self._retrying.end()
                self._retrying.seconds = self._retry_seconds
                return stream, route

    async def _open(self, route: Route, *cutoffs: asyncio.Future[None]) -> Stream:
        """:raise LinkError: ``route`` has not been opened in time, or before one of ``cutoffs`` was done."""
        try:
            async with cutoff(self._open_seconds, *cutoffs):
                return await route.open()
        except TimeoutError as error:
            raise LinkError(
                f"{route.name} did not accept a connection within {self._open_seconds:g} seconds",
                "It may be suspended or overloaded. See: slipway status",
            ) from error

    async def _refuse(self, client: LocalStream, refusal: Refusal) -> None:
        self.stats.refused += 1
        try:
            await refuse(client, refusal)
            await client.close()
        except ConnectionError as error:
            log.debug("the client did not wait for its answer: %s", error)
            client.abort()
        except BaseException:
            client.abort()
            raise

    def _turn_away(self) -> Refusal | None:
        error = self._gate.error
        return None if error is None else Refusal(503, error)

    def _sent(self, size: int) -> None:
        self.stats.bytes_to_guest += size

    def _received(self, size: int) -> None:
        self.stats.bytes_to_clients += size


@dataclass
class _Connection:
    """Who serves a client, and by which listener it has come.

    :ivar side: the client as the engine sees it, while it is connected to the engine.
    """

    task: asyncio.Task[None]
    listener: Listener
    side: AdmittedStream | LocalStream | None = None


class _Refused(Exception):
    """Ends a connection with an HTTP answer."""

    def __init__(self, status: int, error: UserError) -> None:
        super().__init__(error.message)
        self.refusal = Refusal(status, error)
