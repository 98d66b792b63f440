"""What the engine has now: lists that are fetched when the engine comes and when its events tell of changes.

Events come in floods (a compose project, a prune), so a list is fetched at most once in a moment, and never twice
at the same time.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from operator import attrgetter
from typing import Any, Generic, TypeVar

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.ui.bridge import Work
from desktop.ui.session import Session
from engine.client import EngineClient, Event
from engine.client.models import OURS, Container, Image, Network, Volume
from vm.errors import UserError

T = TypeVar("T")

CALM_MS = 120
"""Milliseconds from an event to the fetch, so that those that follow share it."""

CALM_FACTOR = 4
CALM_MOST_MS = 1000
"""A long list that takes a while to fetch is fetched less often, so that most of the time is for others."""


class _Signals(QObject):
    changed = Signal()


class Collection(Generic[T]):
    """One list.

    :ivar items: what was there at the last fetch; what has not changed is the same object as before.
    :ivar known: whether there was one since the engine came.
    """

    def __init__(
        self,
        session: Session,
        fetch: Callable[[EngineClient], Coroutine[Any, Any, list[T]]],
        concerns: Callable[[Event], bool],
        key: Callable[[T], str],
    ) -> None:
        self._session = session
        self._fetch = fetch
        self._concerns = concerns
        self._key = key
        self._work: Work | None = None
        self._again = False
        self._began = 0.0
        self._signals = _Signals(session)
        self._timer = QTimer(session, singleShot=True, interval=CALM_MS)
        self._timer.timeout.connect(self.refresh)
        self.items: list[T] = []
        self.known = False
        self.trouble: UserError | None = None
        self.changed = self._signals.changed
        session.engine_ready.connect(self.refresh)
        session.engine_gone.connect(self._forget)
        session.happened.connect(self._heard)

    def refresh(self) -> None:
        """Fetch now."""
        if self._work is not None:
            self._again = True
            return
        self._began = time.monotonic()
        self._work = self._session.bridge.call(
            self._look({self._key(item): item for item in self.items}), self._take, self._fail, owner=self._session
        )

    def look_again(self) -> None:
        """Fetch what is known, and may have become another by time alone."""
        if self.known:
            self.refresh()

    async def _look(self, before: dict[str, T]) -> list[T]:
        """Fetch, and compare: most of a long list is as it was, and nothing need be made anew of that."""
        found = await self._fetch(self._session.engine)
        return [old if (old := before.get(self._key(item))) == item else item for item in found]

    def _heard(self, events: list[Event]) -> None:
        if not self._timer.isActive() and any(self._concerns(event) for event in events):
            self._timer.start()

    def _take(self, items: list[T]) -> None:
        self.items, self.known, self.trouble = items, True, None
        self._end()

    def _fail(self, error: UserError) -> None:
        self.trouble = error
        self._end()

    def _end(self) -> None:
        self._work = None
        took = time.monotonic() - self._began
        self._timer.setInterval(round(max(CALM_MS, min(CALM_MOST_MS, CALM_FACTOR * took * 1000))))
        self.changed.emit()
        if self._again:
            self._again = False
            self._timer.start()

    def _forget(self) -> None:
        if self._work is not None:
            self._work.cancel()
            self._work = None
        self._again, self.known, self.items = False, False, []
        self.changed.emit()


LOUD = ("exec_", "top", "resize", "attach", "detach", "archive", "export", "copy")
"""Beginnings of actions that change nothing in a list of containers."""


class Collections:
    """All lists of one engine."""

    def __init__(self, session: Session) -> None:
        async def containers(engine: EngineClient) -> list[Container]:
            return [item for item in await engine.containers.list(all=True) if OURS not in item.labels]

        async def images(engine: EngineClient) -> list[Image]:
            return [item for item in await engine.images.list(shared=True) if OURS not in item.labels]

        async def volumes(engine: EngineClient) -> list[Volume]:
            return await engine.volumes.list()

        async def networks(engine: EngineClient) -> list[Network]:
            return await engine.networks.list()

        identity, name = attrgetter("id"), attrgetter("name")
        self.containers = Collection(session, containers, _changes_containers, identity)
        self.images = Collection(session, images, lambda event: event.kind in ("image", "builder"), identity)
        self.volumes = Collection(session, volumes, lambda event: event.kind == "volume", name)
        self.networks = Collection(session, networks, lambda event: event.kind == "network", identity)


def _changes_containers(event: Event) -> bool:
    if event.kind == "network":  # which networks a container is in
        return event.action in ("connect", "disconnect")
    return event.kind == "container" and not event.action.startswith(LOUD)
