"""A list of a cluster's objects, kept current by a watch while one of its pages is shown."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Generic, TypeVar, cast

from PySide6.QtCore import QEvent, QObject, QTimer, Signal
from PySide6.QtWidgets import QWidget

from desktop.ui.bridge import Work
from desktop.ui.kubernetes.cluster import Cluster
from desktop.ui.models.kubernetes.meta import Json, Named
from engine.kubernetes.client import Change
from engine.kubernetes.client.client import DELETED, LISTED
from engine.kubernetes.client.kinds import Kind
from vm.errors import UserError

log = logging.getLogger(__name__)

T = TypeVar("T", bound=Named)

MERGE_MS = 80
"""Milliseconds from a change until it is shown, so that those of a burst are shown together."""

PAUSE_SECONDS, GROWTH, LONGEST_PAUSE = 0.5, 2.0, 10.0
"""Between two attempts to reach the cluster."""


@dataclass(frozen=True)
class _Listed(Generic[T]):
    """These and no others exist."""

    items: dict[str, T]


@dataclass(frozen=True)
class _Changed(Generic[T]):
    """One object; None: it is gone."""

    uid: str
    item: T | None


class Objects(QObject, Generic[T]):
    """One list.

    :ivar items: by UID; an unchanged object is the same record as before.
    :ivar known: whether it has been fetched since the cluster came.    :ivar error: why it cannot be fetched now.
    """

    changed = Signal()

    def __init__(
        self,
        cluster: Cluster,
        owner: QWidget,
        kind: Kind,
        make: Callable[[Json], T],
        namespace: str = "",
        **selectors: str,
    ) -> None:
        """
        :param owner: while it is visible the list is kept current.
        :param make: makes records, in any thread.
        """
        super().__init__(owner)  # whose end is that of its connections
        self._cluster = cluster
        self._owner = owner
        self._kind, self._make = kind, make
        self._namespace, self._selectors = namespace, selectors
        self.items: dict[str, T] = {}
        self.known = False
        self.error: UserError | None = None
        self._work: Work | None = None
        self._merge = QTimer(owner, singleShot=True, interval=MERGE_MS)
        self._merge.timeout.connect(self.changed)
        self._visible = Visible(owner, self._follow)
        cluster.came.connect(self._follow)
        cluster.went.connect(self._forget)
        self._follow()

    def _follow(self) -> None:
        """Begin to watch, or end it."""
        wanted = self._cluster.runs and self._owner.isVisible()
        if wanted and self._work is None:
            bridge = self._cluster.session.bridge
            self._work = bridge.follow(self._changes, self._take, owner=self._owner)
        elif not wanted and self._work is not None:
            self._work.cancel()
            self._work = None

    def _forget(self) -> None:
        self._follow()
        self.items, self.known, self.error = {}, False, None
        self.changed.emit()

    async def _changes(self) -> AsyncIterator[_Listed[T] | _Changed[T] | UserError]:
        """In the asyncio thread; ends only with the watch's work."""
        pause = PAUSE_SECONDS
        while True:
            client = None
            try:
                client = await self._cluster.client()
                following = client.follow(self._kind, self._namespace, **self._selectors)
                async with aclosing(cast(Any, following)) as changes:
                    async for change in changes:
                        pause = PAUSE_SECONDS
                        yield self._made(change)
            except UserError as error:
                log.info("the watch of %s ended: %s %s", self._kind.plural, error.message, error.detail)
                if client is not None:
                    await self._cluster.renew(client, error)
                yield error
            await asyncio.sleep(pause)
            pause = min(GROWTH * pause, LONGEST_PAUSE)

    def _made(self, change: Change) -> _Listed[T] | _Changed[T]:
        if change.type == LISTED:
            made = [self._make(item) for item in change.items]
            return _Listed({one.meta.uid: one for one in made})
        item = change.items[0]
        return _Changed(str(item["metadata"]["uid"]), None if change.type == DELETED else self._make(item))

    def _take(self, received: list[_Listed[T] | _Changed[T] | UserError]) -> None:
        first = not self.known
        for one in received:
            if isinstance(one, UserError):
                self.error = one
                continue
            self.error = None
            if isinstance(one, _Listed):
                before = self.items
                self.items = {uid: _same(before.get(uid), item) for uid, item in one.items.items()}
                self.known = True
            elif one.item is None:
                self.items.pop(one.uid, None)
            else:
                self.items[one.uid] = _same(self.items.get(one.uid), one.item)
        if first:
            self.changed.emit()
        elif not self._merge.isActive():
            self._merge.start()


def _same(before: T | None, item: T) -> T:
    """The record of before, where nothing has changed that it shows."""
    return before if before is not None and before == item else item


class Visible(QObject):
    """Calls a function when a widget is shown or hidden."""

    def __init__(self, widget: QWidget, turned: Callable[[], None]) -> None:
        super().__init__(widget)
        self._turned = turned
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """After the event has been handled."""
        if event.type() in (QEvent.Type.Show, QEvent.Type.Hide):
            QTimer.singleShot(0, self, self._turned)
        return super().eventFilter(watched, event)
