"""The gate between the listener and the machine: open, held, or shut.

The listener lives as long as the supervisor, the machine does not. A held gate lets connections wait in order, and
for a bounded time. The bound counts from the moment the gate was closed, not from each connection's arrival: one
`docker ps` makes three requests in a row, and would otherwise tell its user what is wrong after thrice the time.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from vm.errors import EngineError
from vm.guest.stream import Carrier

LEAST_WAIT = 1.0
"""Seconds a connection waits at least, however long ago the trouble began."""


class Patience:
    """How long connections put up with one trouble: ``seconds`` from its beginning, and a moment each at least."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._since: float | None = None

    def begin(self) -> None:
        """There is trouble. Does nothing while it lasts already."""
        if self._since is None:
            self._since = asyncio.get_running_loop().time()

    def end(self) -> None:
        """It is over."""
        self._since = None

    def deadline(self, arrived: float) -> float:
        """Until when a connection that came at ``arrived`` waits, both in the loop's time."""
        since = arrived if self._since is None else self._since
        return min(arrived + self.seconds, max(since + self.seconds, arrived + LEAST_WAIT))


@dataclass(frozen=True)
class Way:
    """An open gate: the carrier, and the guest's socket to ask it for."""

    carrier: Carrier
    guest_socket: str


class Gate:
    """Where connections wait. Starts held."""

    def __init__(self, wait_seconds: float) -> None:
        self.patience = Patience(wait_seconds)
        self._way: Way | None = None
        self._error: EngineError | None = None
        self._reason = "The machine has not been started"
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._turned = asyncio.Event()

    def open(self, way: Way) -> None:
        """Let connections proceed; those waiting go first, in the order they came."""
        self.patience.end()
        self._set(way, None, "")

    def hold(self, reason: str) -> None:
        """Make new connections wait. ``reason`` is what they are told when they have waited too long.

        Holding a gate that is held already gives a new reason, not more time.
        """
        self.patience.begin()
        self._set(None, None, reason)

    def shut(self, error: EngineError) -> None:
        """Turn connections away at once, those waiting included, with ``error``."""
        self.patience.end()
        self._set(None, error, "")

    @property
    def waiting(self) -> int:
        """How many connections wait now."""
        return sum(not waiter.done() for waiter in self._waiting)

    async def way(self, arrived: float, gone: asyncio.Future[None]) -> Way:
        """Return the way into the machine as soon as there is one.

        :param arrived: when the connection came, the loop's time
        :param gone: done when the client has left; then there is nothing to wait for
        :raise EngineError: the gate is shut, or has been held for too long
        :raise ConnectionResetError: the client has left
        """
        loop = asyncio.get_running_loop()
        while self._way is None and self._error is None:
            waiter: asyncio.Future[None] = loop.create_future()
            self._waiting.append(waiter)
            try:
                left = max(0.0, self.patience.deadline(arrived) - loop.time())
                done, _ = await asyncio.wait((waiter, gone), timeout=left, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if waiter in self._waiting:
                    self._waiting.remove(waiter)
            if gone.done():
                raise ConnectionResetError("the client left while it waited")
            if not done:
                raise EngineError(
                    f"Slipway's engine is not ready: {self._reason}",
                    "`slipway status` shows what it is waiting for.",
                )
        if self._error is not None:
            raise self._error
        assert self._way is not None
        return self._way

    async def turned(self, way: Way, seconds: float) -> bool:
        """Wait up to ``seconds`` until the gate leads elsewhere than ``way``; tells whether it does."""
        try:
            async with asyncio.timeout(seconds):
                while self._way is way:
                    await self._turned.wait()
        except TimeoutError:
            return False
        return True

    def _set(self, way: Way | None, error: EngineError | None, reason: str) -> None:
        self._way, self._error, self._reason = way, error, reason
        self._turned.set()
        self._turned = asyncio.Event()
        if way is not None or error is not None:
            for waiter in self._waiting:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiting.clear()
