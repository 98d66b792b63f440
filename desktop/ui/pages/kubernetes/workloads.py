"""Workloads: Deployments, StatefulSets, DaemonSets, Jobs and CronJobs in one live list."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from desktop.ui.models.kubernetes import pods as pod_model
from desktop.ui.models.kubernetes import workloads as model
from desktop.ui.models.kubernetes.meta import Named
from desktop.ui.pages.kubernetes.listed import ObjectList
from desktop.ui.pages.kubernetes.operations import workload_operations
from desktop.ui.pages.kubernetes.scope import Shared
from engine.kubernetes.client.kinds import PODS, WORKLOADS


class WorkloadList(ObjectList):
    """The tab with all workloads; what keeps a pod of one from running is said in its row."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared, "Workloads", "services", model.COLUMNS, model.searched)
        self.table.delegate.dots[model.NAME] = lambda item: item.colour
        self.table.delegate.quiet.update((model.SPACE, model.KIND, model.READY, model.IMAGES, model.CREATED))
        self.add_filters(
            ("All", lambda item: True),
            ("Failing", lambda item: item.colour == "failed"),
            *((f"{kind.name}s", partial(_is_kind, kind.name)) for kind in WORKLOADS),
        )
        self.add_operations(*workload_operations(self, shared))
        self.add_common()
        self.explain_empty(
            "No workloads yet", "Create one in a terminal: kubectl create deployment web --image nginx"
        )
        for kind in WORKLOADS:
            self.watch(kind, model.maker(kind))
        self._pods = self.watch(PODS, pod_model.pod)
        self._shown: dict[str, tuple[Named, Named]] = {}
        self.refresh()

    def records_now(self) -> Iterable[Named]:
        problems = pod_model.problems(self._pods.items.values())
        found = [item for one in self.lists if one is not self._pods for item in one.items.values()]
        made = [model.with_problem(item, problems) for item in found]
        before, self._shown = self._shown, {}
        for item in made:  # a row that is the same stays the same record
            known = before.get(item.meta.uid)
            self._shown[item.meta.uid] = known if known is not None and known[0] == item else (item, item)
        return [item for item, _ in self._shown.values()]


def _is_kind(name: str, item: model.Workload) -> bool:
    return item.kind.name == name
