"""The lists of a swarm, fetched while one of its pages is shown: the engine sends no events about tasks."""

from __future__ import annotations

from operator import attrgetter

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QWidget

from desktop.ui.engine_view import EngineView
from desktop.ui.models.collections import Collection
from desktop.ui.widgets.periodic_refresh import PeriodicRefresh
from engine.client import EngineClient
from engine.client.models import Node, Service

PERIOD_MS = 4000
"""Milliseconds between two fetches."""


class Swarm:
    """Services and nodes of the chosen engine; empty where it manages no swarm."""

    def __init__(self, view: EngineView, page: QWidget) -> None:
        identity = attrgetter("id")
        self.services = Collection(view, _services, lambda event: event.kind == "service", identity)
        self.nodes = Collection(view, _nodes, lambda event: event.kind == "node", identity)
        watch = PeriodicRefresh(page, self.refresh)
        watch.timer.setInterval(PERIOD_MS)
        self._view = view
        if view.connection.connected:
            QTimer.singleShot(0, page, self.refresh)

    def refresh(self) -> None:
        """Fetch both, if the engine is there."""
        if self._view.connection.connected:
            self.services.refresh()
            self.nodes.refresh()


async def _manages(engine: EngineClient) -> bool:
    return bool(((await engine.info()).get("Swarm") or {}).get("ControlAvailable"))


async def _services(engine: EngineClient) -> list[Service]:
    return await engine.services.list(status=True) if await _manages(engine) else []


async def _nodes(engine: EngineClient) -> list[Node]:
    return await engine.nodes.list() if await _manages(engine) else []
