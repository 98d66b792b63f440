"""What nodes and pods use, asked for every few seconds while a page shows it. The API offers no watch for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QWidget

from desktop.ui.bridge import Work
from desktop.ui.kubernetes.cluster import Cluster
from desktop.ui.kubernetes.objects import Visible
from desktop.ui.models.kubernetes.usage import Usage, usage
from engine.kubernetes.client.kinds import NODE_METRICS, POD_METRICS
from vm.errors import UserError

PERIOD_SECONDS = 15.0
MISSING_SECONDS = 60.0
"""Until it is asked for again where a cluster does not measure it."""


class LiveUsage(QObject):
    """Kept current while a widget is visible. :ivar now: None: not known, or not measured by this cluster."""

    changed = Signal()

    def __init__(self, cluster: Cluster, owner: QWidget) -> None:
        super().__init__(owner)
        self._cluster, self._owner = cluster, owner
        self.now: Usage | None = None
        self._work: Work | None = None
        self._visible = Visible(owner, self._follow)
        cluster.came.connect(self._follow)
        cluster.went.connect(self._forget)
        self._follow()

    def _follow(self) -> None:
        wanted = self._cluster.runs and self._owner.isVisible()
        if wanted and self._work is None:
            self._work = self._cluster.session.bridge.follow(self._asked, self._take, owner=self._owner)
        elif not wanted and self._work is not None:
            self._work.cancel()
            self._work = None

    def _forget(self) -> None:
        self._follow()
        self._take([None])

    async def _asked(self) -> AsyncIterator[Usage | None]:
        while True:
            try:
                client = await self._cluster.client()
                nodes, _ = await client.list(NODE_METRICS)
                pods, _ = await client.list(POD_METRICS)
                yield usage(nodes, pods)
                await asyncio.sleep(PERIOD_SECONDS)
            except UserError:  # that a cluster cannot be reached is said by the lists
                yield None
                await asyncio.sleep(MISSING_SECONDS)

    def _take(self, found: list[Usage | None]) -> None:
        if found[-1] != self.now:
            self.now = found[-1]
            self.changed.emit()
