"""Pods: the live list."""

from __future__ import annotations

from typing import Any

from desktop.ui.models.kubernetes import pods as model
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
                lambda pod: shared.cluster.own and _has_shell(pod),
                "Ctrl+T",
                single=True,
                row=True,
            ),
        )
        self.add_common()
        self.explain_empty("No pods yet", "Create some in a terminal: kubectl create deployment web --image nginx")
        self.watch(PODS, model.pod)
        self.refresh()

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
    return any(one.docker_id and one.state == "Running" for one in pod.containers)
