"""Pods: the live list."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from desktop.ui.kubernetes.usage import LiveUsage
from desktop.ui.models.kubernetes import pods as model
from desktop.ui.models.kubernetes.meta import Named
from desktop.ui.pages.kubernetes.listed import ObjectList
from desktop.ui.pages.kubernetes.pod import PodPage
from desktop.ui.pages.kubernetes.scope import Shared
from desktop.ui.widgets.listpage import Operation
from engine.kubernetes.client.kinds import PODS, Kind


class PodList(ObjectList):
    """The tab with all pods."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared, "Pods", "containers", model.COLUMNS, model.searched)
        self.table.delegate.dots[model.NAME] = lambda item: item.colour
        self.table.delegate.quiet.update((model.SPACE, model.READY, model.RESTARTS, model.OWNER, model.CREATED))
        self.table.delegate.quiet.update((model.CPU, model.MEMORY))
        self.add_filters(
            ("All", lambda item: True),
            ("Failing", lambda item: item.failing),
            ("Running", lambda item: item.colour == "running"),
        )
        self.add_operations(
            Operation(
                "logs",
                "Show logs",
                "logs",
                lambda found: self.open(found[0], "logs"),
                _runs,
                "Ctrl+G",
                single=True,
                row=True,
            ),
            Operation(
                "terminal",
                "Open a terminal",
                "terminal",
                lambda found: self.open(found[0], "terminal"),
                _has_shell,
                "Ctrl+T",
                single=True,
                row=True,
            ),
        )
        self.add_common()
        self.explain_empty("No pods yet", "Create some in a terminal: kubectl create deployment web --image nginx")
        self._pods = self.watch(PODS, model.pod)
        self.usage = LiveUsage(shared.cluster, self)
        self.usage.changed.connect(self.refresh)
        self._shown: dict[str, tuple[model.Pod, model.Pod]] = {}
        self.refresh()

    def records_now(self) -> Iterable[Named]:
        """The pods with what they use; a row that says the same stays the same record."""
        usage = self.usage.now
        for column in (model.CPU, model.MEMORY):
            self.table.columns.set_missing(column, usage is None)
        before, self._shown = self._shown, {}
        for uid, item in self._pods.items.items():
            use = None if usage is None else usage.pods.get(item.meta.key)
            source, made = before.get(uid, (None, item))
            made = made if source is item and made.use == use else model.with_use(item, use)
            self._shown[uid] = item, made
        return [made for _, made in self._shown.values()]

    def kind_of(self, record: Any) -> Kind:
        return PODS

    def open(self, pod: model.Pod, tab: str = "containers") -> PodPage:
        """Show the page of one pod."""
        page = PodPage(self.shared, pod, tab)
        self.shared.context.places.show_page(page)
        return page


def _runs(pod: model.Pod) -> bool:
    return bool(pod.containers)


def _has_shell(pod: model.Pod) -> bool:
    return any(one.key and one.state == "Running" for one in pod.containers)
