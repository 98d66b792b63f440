"""CPU and memory use of the running containers, followed while their list is shown."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.ui.bridge import Work
from desktop.ui.engine_view import EngineView
from desktop.ui.models.collections import Collection
from desktop.ui.models.containers import Usage
from engine.client.models import Container
from vm.errors import UserError

GATHER_MS = 500
"""Milliseconds that samples are gathered before they are shown: each container sends one a second."""

MAX_FOLLOWED = 60
"""Containers followed at a time, visible ones first: each is a stream, and costs dockerd work."""


class ContainerStats(QObject):
    """The latest sample of each container. :ivar latest: container ID → its use of CPU and memory."""

    changed = Signal()

    def __init__(self, view: EngineView, containers: Collection[Container]) -> None:
        super().__init__(view)
        self._view = view
        self._containers = containers
        self._works: dict[str, Work] = {}
        self._wanted = False
        self._visible: tuple[str, ...] = ()
        self.latest: dict[str, Usage] = {}
        self._gather = QTimer(self, singleShot=True, interval=GATHER_MS)
        self._gather.timeout.connect(self.changed)
        containers.changed.connect(self._follow)

    def watch(self, wanted: bool) -> None:
        """Follow the stats from now on, or stop doing so."""
        self._wanted = wanted
        self._follow()

    def set_visible(self, keys: tuple[str, ...]) -> None:
        """Say which containers are on the screen."""
        if keys != self._visible:
            self._visible = keys
            self._follow()

    def _follow(self) -> None:
        items = self._containers.items if self._wanted else []
        running = {item.id: None for item in items if item.state == "running"}
        first = [key for key in self._visible if key in running]
        chosen = list(dict.fromkeys([*first, *running]))[: max(MAX_FOLLOWED, len(first))]
        for key in set(self._works) - set(chosen):
            self._works.pop(key).cancel()
            self.latest.pop(key, None)
        for key in chosen:
            if key not in self._works:
                self._works[key] = self._view.bridge.follow(
                    partial(self._view.engine.containers.stats, key),
                    partial(self._take, key),
                    partial(self._end, key),
                    partial(self._end, key),
                    owner=self,
                )

    def _take(self, key: str, samples: list[dict[str, Any]]) -> None:
        self.latest[key] = usage_of(samples[-1])
        if not self._gather.isActive():
            self._gather.start()

    def _end(self, key: str, error: UserError | None = None) -> None:
        self._works.pop(key, None)
        self.latest.pop(key, None)


def usage_of(values: dict[str, Any]) -> Usage:
    """CPU and memory of a ``/stats`` sample, computed as in the docker command: without the page cache."""
    now, before = values.get("cpu_stats") or {}, values.get("precpu_stats") or {}
    used = _number(now, "cpu_usage", "total_usage") - _number(before, "cpu_usage", "total_usage")
    passed = _number(now, "system_cpu_usage") - _number(before, "system_cpu_usage")
    cpus = _number(now, "online_cpus") or 1
    memory = values.get("memory_stats") or {}
    cache = _number(memory, "stats", "inactive_file") or _number(memory, "stats", "total_inactive_file")
    share = used / passed * cpus * 100 if passed > 0 and used > 0 and before.get("system_cpu_usage") else 0.0
    return Usage(share, max(0, int(_number(memory, "usage") - cache)))


def _number(values: dict[str, Any], *path: str) -> float:
    found: Any = values
    for name in path:
        found = (found or {}).get(name)
    return float(found or 0)
