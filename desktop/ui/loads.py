"""What each running container takes of processor and memory, while somebody looks."""

from __future__ import annotations

from functools import partial
from typing import Any

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.ui.bridge import Work
from desktop.ui.models.collections import Collection
from desktop.ui.models.containers import Load
from desktop.ui.session import Session
from engine.client.models import Container
from vm.errors import UserError

CALM_MS = 500
"""Milliseconds that samples are gathered before they are shown: each container sends its own, once a second."""

MOST = 60
"""Containers whose stats are followed at the same time: each is a stream, and costs dockerd work. Those on the
screen come first."""


class Loads(QObject):
    """:ivar now: container's ID → its load."""

    changed = Signal()

    def __init__(self, session: Session, containers: Collection[Container]) -> None:
        super().__init__(session)
        self._session = session
        self._containers = containers
        self._works: dict[str, Work] = {}
        self._wanted = False
        self._seen: tuple[str, ...] = ()
        self.now: dict[str, Load] = {}
        self._calm = QTimer(self, singleShot=True, interval=CALM_MS)
        self._calm.timeout.connect(self.changed)
        containers.changed.connect(self._follow)

    def watch(self, wanted: bool) -> None:
        """Follow the stats, or stop to."""
        self._wanted = wanted
        self._follow()

    def look_at(self, keys: tuple[str, ...]) -> None:
        """These are on the screen now."""
        if keys != self._seen:
            self._seen = keys
            self._follow()

    def _follow(self) -> None:
        items = self._containers.items if self._wanted else []
        runs = {item.id: None for item in items if item.state == "running"}
        first = [key for key in self._seen if key in runs]
        running = list(dict.fromkeys([*first, *runs]))[: max(MOST, len(first))]
        for key in set(self._works) - set(running):
            self._works.pop(key).cancel()
            self.now.pop(key, None)
        for key in running:
            if key not in self._works:
                self._works[key] = self._session.bridge.follow(
                    partial(self._session.engine.containers.stats, key),
                    partial(self._take, key),
                    partial(self._end, key),
                    partial(self._end, key),
                    owner=self,
                )

    def _take(self, key: str, samples: list[dict[str, Any]]) -> None:
        self.now[key] = load_of(samples[-1])
        if not self._calm.isActive():
            self._calm.start()

    def _end(self, key: str, error: UserError | None = None) -> None:
        self._works.pop(key, None)
        self.now.pop(key, None)


def load_of(values: dict[str, Any]) -> Load:
    """A sample of ``/stats`` as the docker command computes it: no page cache in the memory."""
    now, before = values.get("cpu_stats") or {}, values.get("precpu_stats") or {}
    used = _number(now, "cpu_usage", "total_usage") - _number(before, "cpu_usage", "total_usage")
    passed = _number(now, "system_cpu_usage") - _number(before, "system_cpu_usage")
    cpus = _number(now, "online_cpus") or 1
    memory = values.get("memory_stats") or {}
    cache = _number(memory, "stats", "inactive_file") or _number(memory, "stats", "total_inactive_file")
    share = used / passed * cpus * 100 if passed > 0 and used > 0 and before.get("system_cpu_usage") else 0.0
    return Load(share, max(0, int(_number(memory, "usage") - cache)))


def _number(values: dict[str, Any], *path: str) -> float:
    found: Any = values
    for name in path:
        found = (found or {}).get(name)
    return float(found or 0)
