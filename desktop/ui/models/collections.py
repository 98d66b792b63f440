"""The engine's lists: fetched when the engine becomes available and when its events report changes.

Events come in bursts (a compose project, a prune), so a list is fetched once for each burst, and never twice at
the same time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from operator import attrgetter
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.ui.bridge import Work
from desktop.ui.busy import Busy
from desktop.ui.engine_view import EngineView
from desktop.ui.stats import ContainerStats
from engine.client import EngineClient, Event
from engine.client.models import OURS, Container, Image, Network, Volume
from vm.errors import UserError

T = TypeVar("T")

DELAY_MS = 120
"""Milliseconds from an event to the fetch, so that the events of a burst share it."""

DELAY_FACTOR = 4
MAX_DELAY_MS = 1000
"""A list that is slow to fetch is fetched less often: the delay is this many times as long as the last fetch."""


class _Signals(QObject):
    changed = Signal()


class Collection(Generic[T]):
    """One list.

    :ivar items: the result of the latest fetch; an unchanged item is the same object as before.
    :ivar known: whether there was a fetch since the engine became available.
    :ivar error: why the latest fetch failed.
    """

    def __init__(
        self,
        view: EngineView,
        fetch: Callable[[EngineClient], Coroutine[Any, Any, list[T]]],
        concerns: Callable[[Event], bool],
        key: Callable[[T], str],
    ) -> None:
        self._view = view
        self._fetch = fetch
        self._concerns = concerns
        self._key = key
        self._work: Work | None = None
        self._again = False
        self._began = 0.0
        self._signals = _Signals(view)
        self._timer = QTimer(view, singleShot=True, interval=DELAY_MS)
        self._timer.timeout.connect(self.refresh)
        self.items: list[T] = []
        self.known = False
        self.error: UserError | None = None
        self.changed = self._signals.changed
        view.ready.connect(self.refresh)
        view.gone.connect(self._forget)
        view.events_received.connect(self._on_events)

    def refresh(self) -> None:
        """Fetch now, or again when the fetch under way has ended."""
        if self._work is not None:
            self._again = True
            return
        self._began = time.monotonic()
        self._work = self._view.bridge.call(
            self._fetch_items({self._key(item): item for item in self.items}),
            self._take,
            self._fail,
            owner=self._view,
        )

    @property
    def settled(self) -> bool:
        """Whether no fetch is under way or due: the items are those of now."""
        return self._work is None and not self._again and not self._timer.isActive()

    def refresh_known(self) -> None:
        """Fetch again what was fetched before: some values change with time alone."""
        if self.known:
            self.refresh()

    async def _fetch_items(self, before: dict[str, T]) -> list[T]:
        """Fetch and compare: unchanged items stay the same objects, and their rows need no update."""
        found = await self._fetch(self._view.engine)
        return [old if (old := before.get(self._key(item))) == item else item for item in found]

    def _on_events(self, events: list[Event]) -> None:
        if not self._timer.isActive() and any(self._concerns(event) for event in events):
            self._timer.start()

    def _take(self, items: list[T]) -> None:
        self.items, self.known, self.error = items, True, None
        self._end()

    def _fail(self, error: UserError) -> None:
        self.error = error
        self._end()

    def _end(self) -> None:
        again, self._again = self._again, False
        self._work = None
        took = time.monotonic() - self._began
        self._timer.setInterval(round(max(DELAY_MS, min(MAX_DELAY_MS, DELAY_FACTOR * took * 1000))))
        if again:
            self._timer.start()
        self.changed.emit()

    def _forget(self) -> None:
        if self._work is not None:
            self._work.cancel()
            self._work = None
        self._again, self.known, self.items = False, False, []
        self.changed.emit()


IRRELEVANT = ("exec_", "top", "resize", "attach", "detach", "archive", "export", "copy")
"""Prefixes of actions that change nothing in a list of containers."""


class Collections:
    """All lists of one engine.

    :ivar busy: what is being done to its containers.    :ivar stats: what they use.
    """

    def __init__(self, view: EngineView) -> None:
        async def containers(engine: EngineClient) -> list[Container]:
            return [item for item in await engine.containers.list(all=True) if OURS not in item.labels]

        async def images(engine: EngineClient) -> list[Image]:
            return [item for item in await engine.images.list(shared=True) if OURS not in item.labels]

        async def volumes(engine: EngineClient) -> list[Volume]:
            return await engine.volumes.list()

        async def networks(engine: EngineClient) -> list[Network]:
            return await engine.networks.list()

        identity, name = attrgetter("id"), attrgetter("name")
        self.containers = Collection(view, containers, _changes_containers, identity)
        self.images = Collection(view, images, lambda event: event.kind in ("image", "builder"), identity)
        self.volumes = Collection(view, volumes, lambda event: event.kind == "volume", name)
        self.networks = Collection(view, networks, lambda event: event.kind == "network", identity)
        self.busy = Busy(view)
        self.stats = ContainerStats(view)
        self.containers.changed.connect(self._settle)
        self.containers.changed.connect(self._follow)
        view.gone.connect(self.busy.clear)

    def _settle(self) -> None:
        if self.containers.settled:
            self.busy.settle()

    def _follow(self) -> None:
        items = self.containers.items
        self.stats.follow((item.id for item in items if item.state == "running"), {item.id for item in items})


def _changes_containers(event: Event) -> bool:
    if event.kind == "network":  # they change the networks of a container
        return event.action in ("connect", "disconnect")
    return event.kind == "container" and not event.action.startswith(IRRELEVANT)
