"""The gate between the listener and the engine: open, held, or shut.

The listener lives as long as the supervisor, the engine does not. A held gate lets connections wait in order, and
for a bounded time. The bound counts from the moment the gate was closed, not from each connection's arrival: one
`docker ps` makes three requests in a row, and its user must not wait three times as long for the reason.
"""

from __future__ import annotations

import asyncio
from collections import deque

from engine.endpoint.route import Route
from vm.errors import EngineError

LEAST_WAIT = 1.0
"""Seconds each connection waits at least, however long ago the outage began."""


class WaitBudget:
    """How long connections wait during one outage: ``seconds`` from its start, but each :data:`LEAST_WAIT`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._since: float | None = None

    def begin(self) -> None:
        """An outage begins. Does nothing during one."""
        if self._since is None:
            self._since = asyncio.get_running_loop().time()

    def end(self) -> None:
        """The outage is over."""
        self._since = None

    def deadline(self, arrived: float) -> float:
        """Until when a connection that arrived at ``arrived`` waits, both in the loop's time."""
        since = arrived if self._since is None else self._since
        return min(arrived + self.seconds, max(since + self.seconds, arrived + LEAST_WAIT))


class Gate:
    """Where connections wait for a route. Starts held."""

    def __init__(self, wait_seconds: float) -> None:
        self.budget = WaitBudget(wait_seconds)
        self._route: Route | None = None
        self._error: EngineError | None = None
        self._reason = "The machine has not been started"
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._changed: asyncio.Future[None] | None = None

    def open(self, route: Route) -> None:
        """Let connections proceed by ``route``; those waiting go first, in the order they came."""
        self.budget.end()
        self._set(route, None, "")

    def hold(self, reason: str) -> None:
        """Make new connections wait. Those that have waited too long are given ``reason``.

        A gate that is held already gets a new reason, not more time.
        """
        self.budget.begin()
        self._set(None, None, reason)

    def shut(self, error: EngineError) -> None:
        """Turn connections away at once with ``error``, those waiting included."""
        self.budget.end()
        self._set(None, error, "")

    @property
    def error(self) -> EngineError | None:
        """What connections are turned away with; None while the gate is not shut."""
        return self._error

    @property
    def waiting(self) -> int:
        """How many connections wait now."""
        return sum(not waiter.done() for waiter in self._waiting)

    def changed(self) -> asyncio.Future[None]:
        """Done as soon as the gate is next opened, held or shut."""
        if self._changed is None:
            self._changed = asyncio.get_running_loop().create_future()
        return self._changed

    async def route(self, arrived: float, gone: asyncio.Future[None]) -> Route:
        """Return the route to the engine as soon as there is one.

        :param arrived: when the connection arrived, in the loop's time
        :param gone: done when the client has left; nothing is waited for then
        :raise EngineError: the gate is shut, or has been held for too long
        :raise ConnectionResetError: the client has left
        """
        loop = asyncio.get_running_loop()
        while self._route is None and self._error is None:
            waiter: asyncio.Future[None] = loop.create_future()
            self._waiting.append(waiter)
            try:
                left = max(0.0, self.budget.deadline(arrived) - loop.time())
                done, _ = await asyncio.wait((waiter, gone), timeout=left, return_when=asyncio.FIRST_COMPLETED)
            finally:
                if waiter in self._waiting:
                    self._waiting.remove(waiter)
            if not done:
                raise EngineError(
                    f"Slipway's engine is not ready: {self._reason}",
                    "See what it is waiting for: slipway status",
                )
            if gone.done():
                break
        if gone.done():
            raise ConnectionResetError("the client left before it was served")
        if self._error is not None:
            raise self._error
        assert self._route is not None
        return self._route

    def _set(self, route: Route | None, error: EngineError | None, reason: str) -> None:
        self._route, self._error, self._reason = route, error, reason
        changed, self._changed = self._changed, None
        if changed is not None:
            changed.set_result(None)
        if route is not None or error is not None:
            for waiter in self._waiting:
                if not waiter.done():
                    waiter.set_result(None)
            self._waiting.clear()
