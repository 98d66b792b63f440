"""One service of a swarm: its tasks with state and error, its logs, and the engine's description."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.models import swarm as model
from desktop.ui.models.records import Row
from desktop.ui.pages.detail import DetailPage, InspectPanel
from desktop.ui.pages.log import FrameLog
from desktop.ui.swarm import PERIOD_MS, Swarm
from desktop.ui.widgets.periodic_refresh import PeriodicRefresh
from desktop.ui.widgets.table import Table
from engine.client import EngineClient
from engine.client.models import Service
from engine.client.streams import Frame

TAIL = 2000
"""Lines of the log that are fetched at first."""


class ServicePage(DetailPage):
    """The page of one service."""

    def __init__(self, context: Context, service: Service) -> None:
        super().__init__(context, "services", "Back to services")
        self.service = service
        key = service.id
        self.heading.set_full(service.name)
        self.swarm = Swarm(context.view, self)
        self.add_tab("tasks", "Tasks", lambda: TasksPanel(context, service))
        self.add_tab("logs", "Logs", lambda: ServiceLog(context, key))
        self.add_tab(
            "inspect",
            "Inspect",
            lambda: InspectPanel(
                context, lambda engine: engine.services.inspect(key), lambda event: event.actor == key
            ),
        )
        self.swarm.services.changed.connect(self._refresh)
        self._show(service)
        self.show_tab("tasks")

    def _refresh(self) -> None:
        found = self.swarm.services
        if found.known:
            self._show(next((item for item in found.items if item.id == self.service.id), None))

    def _show(self, service: Service | None) -> None:
        self.tabs.setEnabled(service is not None)
        parts = ("Removed",) if service is None else (service.image, model.replicas(service), model.ports(service))
        self.state.set_full("  ·  ".join(part for part in parts if part))


class TasksPanel(QWidget):
    """The tasks of a service; what failed says why."""

    def __init__(self, context: Context, service: Service) -> None:
        super().__init__()
        self._context, self._service = context, service
        self.table = Table(model.TASK_COLUMNS, "Tasks of the service")
        self.table.delegate.dots[0] = lambda line: "failed" if line.task.error else line.task.state
        self.table.delegate.quiet.update((2, 3, 4))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.table)
        watch = PeriodicRefresh(self, self.ask)
        watch.timer.setInterval(PERIOD_MS)
        context.view.ready.connect(self.ask)
        self.ask()

    def ask(self) -> None:
        """Fetch them again."""
        session = self._context.session
        session.bridge.call(self._fetch(self._context.engine), self._show, lambda _: None, owner=self)

    async def _fetch(self, engine: EngineClient) -> list[Row]:
        tasks, nodes = await asyncio.gather(engine.services.tasks(self._service.id), engine.nodes.list())
        return model.task_rows(tasks, self._service.name, nodes)

    def _show(self, rows: list[Row]) -> None:
        self.table.records.update_rows(rows)


class ServiceLog(FrameLog):
    """The log of all tasks, followed."""

    def __init__(self, context: Context, key: str) -> None:
        super().__init__(context, "The service's log", self._read, timed=True)
        self._key = key
        self.begin()
        context.view.ready.connect(self.begin)

    async def _read(self) -> AsyncIterator[Frame]:
        logs: Any = self._context.engine.services.logs(self._key, follow=True, tail=TAIL, timestamps=True)
        async for frame in logs:
            yield frame
