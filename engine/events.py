"""One stream of the engine's events, shared by all parts that follow the engine.

The hub dials the engine in the machine over the link, past the user's socket and its gate. When the engine goes
away and comes back, each subscriber starts again. Each works in a task of its own, so that its errors end neither
the hub nor another subscriber.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from engine.client import EngineClient, Event
from engine.client.link_transport import Route, RouteDialler
from vm.errors import UserError
from vm.tasks import SupervisedTask, TaskHealth, TaskState

log = logging.getLogger(__name__)

DIAL_SECONDS = 0.2
"""Between two attempts to reach the engine."""

RETRY_SECONDS = 1.0
"""Before a subscriber starts again whose feed has ended, or whose call has failed."""

OVERLAP_SECONDS = 2.0
"""Events so old are reported again: some may come before the first look, and the two clocks may differ."""

QUEUED = 4096
"""Events kept for one subscriber; one that falls behind further loses them and looks at everything again."""

FOLLOWED: Mapping[str, frozenset[str]] = {
    "container": frozenset({"start", "die", "destroy"}),
    "network": frozenset({"create", "connect", "disconnect", "destroy", "remove"}),
    "service": frozenset({"create", "update", "remove"}),
}
"""Kind → actions that subscribers can ask for. The others, such as each health check's, are not sent to us."""


@dataclass(frozen=True)
class Interest:
    """Events that a subscriber wants.

    :ivar actions: all that are :data:`FOLLOWED` when empty.    :ivar name: of the object; any when empty.
    """

    kind: str
    actions: frozenset[str] = frozenset()
    name: str = ""

    def __post_init__(self) -> None:
        if not self.actions <= FOLLOWED[self.kind]:
            raise ValueError(f"not followed: {self.kind} {sorted(self.actions - FOLLOWED[self.kind])}")

    def covers(self, event: Event) -> bool:
        """Whether ``event`` is one of them."""
        return (
            event.kind == self.kind
            and event.action in (self.actions or FOLLOWED[self.kind])
            and self.name in ("", event.attributes.get("name"))
        )


class Feed:
    """The events of one subscriber, from the moment the engine was reached until it goes away.

    :ivar ended: whether no more come; a subscriber that fell behind has missed some.
    """

    def __init__(self, interests: Sequence[Interest]) -> None:
        self.ended = False
        self._interests = interests
        self._events: deque[Event] = deque()
        self._changed = asyncio.Event()

    async def next(self) -> Event | None:
        """The next event; None when the feed has ended."""
        while not self._events:
            if self.ended:
                return None
            self._changed.clear()
            await self._changed.wait()
        return self._events.popleft()

    def put(self, event: Event) -> None:
        """Add an event if it is of interest."""
        if self.ended or not any(interest.covers(event) for interest in self._interests):
            return
        if len(self._events) == QUEUED:
            self._events.clear()
            self.end()
            return
        self._events.append(event)
        self._changed.set()

    def end(self) -> None:
        """No more events come."""
        self.ended = True
        self._changed.set()


@dataclass
class _Connection:
    engine: EngineClient
    feeds: set[Feed]


Work = Callable[[EngineClient, Feed], Awaitable[None]]
Look = Callable[[EngineClient], Awaitable[float | None]]


class EngineEvents:
    """The hub; belongs to the loop it is used in."""

    def __init__(self) -> None:
        self._route: Route | None = None
        self._task: SupervisedTask | None = None
        self._connection: _Connection | None = None
        self._connected = asyncio.Event()

    @property
    def connected(self) -> bool:
        """Whether the engine answers; before that it starts the containers that ran before."""
        return self._connection is not None

    @property
    def health(self) -> TaskHealth:
        """How the reading of events is doing; it has ended while there is no route."""
        return self._task.health if self._task is not None else TaskHealth(TaskState.ENDED)

    def use(self, route: Route | None) -> None:
        """Reach the engine by ``route`` from now on; None while there is none."""
        if route == self._route:
            return
        self._route = route
        if self._task is not None:
            self._task.cancel()
            self._task = None
        if self._connection is not None:
            self._disconnect(self._connection)
        if route is not None:
            self._task = SupervisedTask("engine events", partial(self._run, route))
            self._task.start()

    async def close(self) -> None:
        """Read no more events; feeds end. Idempotent."""
        task = self._task
        self.use(None)
        if task is not None:
            await task.stop()

    async def follow(self, interests: Sequence[Interest], work: Work) -> NoReturn:
        """Do ``work`` each time the engine has been reached, first of all now.

        :param work: gets a client, and the events from a moment ago on. It looks at what there is, takes events,
            and returns when its feed ends. A ``UserError`` of its is logged, and it starts again a moment later.
        """
        while True:
            while (connection := self._connection) is None:
                await self._connected.wait()
            feed = Feed(interests)
            connection.feeds.add(feed)
            try:
                await work(connection.engine, feed)
            except (UserError, ConnectionError) as error:
                log.log(logging.DEBUG if feed.ended else logging.INFO, "following the engine: %s", error)
            finally:
                connection.feeds.discard(feed)
            await asyncio.sleep(RETRY_SECONDS)

    async def look(
        self, interests: Sequence[Interest], look: Look, changed: asyncio.Event | None = None
    ) -> NoReturn:
        """Call ``look`` each time the engine has been reached, after events, and when ``changed`` is set.

        :param look: returns the most seconds until it is called again; None: no limit.
        """
        wake = changed or asyncio.Event()

        async def work(engine: EngineClient, feed: Feed) -> None:
            listening = asyncio.create_task(_set_at_each(feed, wake))
            try:
                while not feed.ended:
                    wake.clear()
                    seconds = await look(engine)
                    waiting = asyncio.create_task(wake.wait())
                    try:
                        await asyncio.wait((waiting,), timeout=seconds)
                    finally:
                        waiting.cancel()
            finally:
                listening.cancel()
                await asyncio.wait([listening])

        await self.follow(interests, work)

    # -- the stream -----------------------------------------------------------------------------------------------

    async def _run(self, route: Route) -> None:
        async with EngineClient(RouteDialler(route)) as engine:
            while True:
                try:
                    await self._read(engine)
                except UserError as error:  # the engine comes and goes
                    log.debug("the engine's events: %s", error)
                await asyncio.sleep(DIAL_SECONDS)

    async def _read(self, engine: EngineClient) -> None:
        """:raise UserError: the engine cannot be reached, or went away."""
        actions = sorted(frozenset[str]().union(*FOLLOWED.values()))
        since = time.time() - OVERLAP_SECONDS
        async with engine.event_stream({"type": list(FOLLOWED), "event": actions}, since=since) as events:
            connection = self._connection = _Connection(engine, set())
            self._connected.set()
            try:
                async for event in events:
                    for feed in connection.feeds:
                        feed.put(event)
            finally:
                self._disconnect(connection)

    def _disconnect(self, connection: _Connection) -> None:
        if self._connection is connection:
            self._connection = None
            self._connected.clear()
        for feed in connection.feeds:
            feed.end()


async def _set_at_each(feed: Feed, wake: asyncio.Event) -> None:
    """Set ``wake`` at each event, and at the end."""
    while await feed.next() is not None:
        wake.set()
    wake.set()
