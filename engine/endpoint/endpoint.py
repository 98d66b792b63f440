"""Endpoint: the socket that never disappears while the supervisor lives.

Each connection is a task: wait at the gate, open a stream into the guest, relay. A connection that cannot be
carried gets an HTTP answer that names the hop which failed.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from engine.endpoint.gate import Gate, Patience, Way
from engine.endpoint.listener import Listener, UnixListener
from engine.endpoint.local import LocalStream
from engine.endpoint.refusal import refuse
from engine.endpoint.relay import relay
from engine.endpoint.rewrite import Judge
from vm.errors import EngineError, LinkError, UserError
from vm.guest.stream import Carrier, Stream

log = logging.getLogger(__name__)

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 1.0
"""Seconds between attempts to open a stream that the guest refused."""


@dataclass
class EndpointStats:
    """Counters since the endpoint started."""

    accepted: int = 0
    """Connections that came."""
    relayed: int = 0
    """Connections that reached the guest."""
    refused: int = 0
    """Connections answered with an error of ours."""
    cut: int = 0
    """Connections whose way into the guest broke while they were relayed."""
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
        judge: Judge | None = None,
    ) -> None:
        """
        :param path: the socket
        :param wait_seconds: how long connections wait at a held gate, from the moment it is held
        :param retry_seconds: how long to try again when the guest refuses streams: dockerd may be restarting.
            Until it has accepted one since the gate was opened, it is ``wait_seconds``: dockerd may be starting
        :param open_seconds: how long one attempt to open a stream may take
        :param judge: what looks at requests to create or start a container before the engine gets them
        """
        self.path = path
        self.stats = EndpointStats()
        self._retry_seconds = retry_seconds
        self._retrying = Patience(wait_seconds)
        self._open_seconds = open_seconds
        self._listener = listener or UnixListener(path)
        self._gate = Gate(wait_seconds)
        self._judge = judge
        self._clients: dict[LocalStream, asyncio.Task[None]] = {}

    async def start(self) -> None:
        """Begin to accept connections; the gate is held until told otherwise.

        :raise EngineError: another process listens at the path
        :raise HostError: the path cannot be used
        """
        await self._listener.start(lambda: LocalStream(self._accepted))

    async def close(self) -> None:
        """Stop listening, end all connections, remove the socket. Idempotent."""
        await self._listener.close()
        clients = dict(self._clients)
        for task in clients.values():
            task.cancel()
        await asyncio.gather(*clients.values(), return_exceptions=True)
        for client in clients:
            client.abort()
        await asyncio.gather(*(client.ended for client in clients))

    def open_gate(self, carrier: Carrier, guest_socket: str) -> None:
        """Let connections through to the guest's socket ``guest_socket``, those waiting first and in order."""
        self._retrying.end()
        self._retrying.seconds = self._gate.patience.seconds
        self._gate.open(Way(carrier, guest_socket))

    def hold(self, reason: str) -> None:
        """Make new connections wait. ``reason`` completes “Slipway's engine is not ready: …”."""
        self._gate.hold(reason)

    def shut(self, error: EngineError) -> None:
        """Answer new and waiting connections with ``error`` at once (HTTP 503)."""
        self._gate.shut(error)

    def be_patient(self, wait_seconds: float) -> None:
        """From now on let connections wait so long at a held gate."""
        self._gate.patience.seconds = wait_seconds

    @property
    def connections(self) -> int:
        """Connections now open, those waiting included."""
        return len(self._clients)

    @property
    def waiting(self) -> int:
        """Connections now waiting at the gate."""
        return self._gate.waiting

    # -- one connection -------------------------------------------------------------------------------------------

    def _accepted(self, client: LocalStream) -> None:
        self.stats.accepted += 1
        task = asyncio.get_running_loop().create_task(self._serve(client))
        self._clients[client] = task
        client.ended.add_done_callback(lambda _: self._clients.pop(client))

    async def _serve(self, client: LocalStream) -> None:
        try:
            guest = await self._reach(client)
            self.stats.relayed += 1
            await relay(client, guest, self._sent, self._received, self._judge)
        except _Refused as refusal:
            self.stats.refused += 1
            await self._refuse(client, refusal)
        except ConnectionError as error:
            log.debug("the client left early: %s", error)
            client.abort()
        except LinkError as error:
            self.stats.cut += 1
            log.info("a connection was cut: %s %s", error, error.detail)
        except BaseException:
            client.abort()
            raise

    async def _reach(self, client: LocalStream) -> Stream:
        """A stream into the guest.

        :raise _Refused: there will be none in time
        :raise ConnectionResetError: the client has left
        """
        loop = asyncio.get_running_loop()
        arrived = loop.time()
        pause = FIRST_PAUSE
        while True:
            try:
                way = await self._gate.way(arrived, client.gone)
            except EngineError as error:
                raise _Refused(503, error) from error
            try:
                guest = await self._open(way)
            except LinkError as error:
                self._retrying.begin()
                if loop.time() + pause > self._retrying.deadline(arrived):
                    raise _Refused(502, error) from error
                await self._gate.turned(way, pause)
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            self._retrying.end()
            self._retrying.seconds = self._retry_seconds
            if client.gone.done():
                await guest.close()
                raise ConnectionResetError("the client left while its stream was opened")
            return guest

    async def _open(self, way: Way) -> Stream:
        try:
            async with asyncio.timeout(self._open_seconds):
                return await way.carrier.open_unix(way.guest_socket)
        except TimeoutError as error:
            raise LinkError(
                f"The machine did not open a stream to {way.guest_socket} within {self._open_seconds:g} seconds",
                "It may be suspended or overloaded; `slipway status` tells.",
            ) from error

    async def _refuse(self, client: LocalStream, refusal: _Refused) -> None:
        try:
            await refuse(client, refusal.status, refusal.error)
            await client.close()
        except ConnectionError as error:
            log.debug("the client did not wait for its answer: %s", error)
            client.abort()

    def _sent(self, size: int) -> None:
        self.stats.bytes_to_guest += size

    def _received(self, size: int) -> None:
        self.stats.bytes_to_clients += size


class _Refused(Exception):
    """Ends a connection's way with an HTTP answer."""

    def __init__(self, status: int, error: UserError) -> None:
        super().__init__(error.message)
        self.status = status
        self.error = error
