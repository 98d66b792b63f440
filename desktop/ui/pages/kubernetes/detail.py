"""The page of any object but a pod: what belongs to it, its events, and the object as YAML."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop.ui.kubernetes.objects import Objects
from desktop.ui.models.kubernetes import config, events, pods, services, storage, workloads
from desktop.ui.models.kubernetes.meta import Json, Meta, Named, rows
from desktop.ui.pages.kubernetes.events import EventsPanel
from desktop.ui.pages.kubernetes.frame import ClusterDetail
from desktop.ui.pages.kubernetes.manifest import ManifestPanel
from desktop.ui.pages.kubernetes.operations import workload_operations
from desktop.ui.pages.kubernetes.pod import PodPage
from desktop.ui.pages.kubernetes.ports import PortsPanel
from desktop.ui.pages.kubernetes.scope import Shared
from desktop.ui.pages.kubernetes.values import ValuesPanel
from desktop.ui.widgets.basics import tool
from desktop.ui.widgets.listpage import Operation
from desktop.ui.widgets.table import Table
from engine.kubernetes.client import KubernetesClient
from engine.kubernetes.client.kinds import (
    CLAIMS,
    CONFIG_MAPS,
    EVENTS,
    INGRESSES,
    PODS,
    SECRETS,
    SERVICES,
    VOLUMES,
    WORKLOADS,
    Kind,
)

MAKERS: dict[Kind, Callable[[Json], Any]] = {
    PODS: pods.pod,
    SERVICES: services.service,
    INGRESSES: services.ingress,
    CLAIMS: storage.claim,
    VOLUMES: storage.volume,
    EVENTS: events.happened,
    **{kind: workloads.maker(kind) for kind in WORKLOADS},
    **{kind: config.maker(kind) for kind in (CONFIG_MAPS, SECRETS)},
}
"""What makes a record of each kind that has a page."""


class ObjectPages:
    """Makes them."""

    def show(self, shared: Shared, kind: Kind, record: Named) -> QWidget:
        """Show the page of an object."""
        page = PodPage(shared, record) if isinstance(record, pods.Pod) else ObjectPage(shared, kind, record)
        shared.context.places.show_page(page)
        return page

    def find(self, shared: Shared, kind: Kind, namespace: str, name: str) -> None:
        """Show the page of the object that has this name."""

        async def get(client: KubernetesClient) -> Json:
            return await client.get(kind, namespace, name)

        def found(item: Json) -> None:
            if kind in MAKERS:
                self.show(shared, kind, MAKERS[kind](item))

        shared.cluster.call(get, found, shared.context.banners.error)


class ObjectPage(ClusterDetail):
    """The page of one object. It stays when the object is deleted, and says so."""

    def __init__(self, shared: Shared, kind: Kind, record: Any) -> None:
        super().__init__(shared)
        self.kind, self.record = kind, record
        meta: Meta = record.meta
        self.heading.set_full(meta.name)
        self._operations: list[tuple[Operation, QWidget]] = []
        if kind in WORKLOADS:
            self.add_tab("pods", "Pods", lambda: PodsPanel(shared, kind, meta))
            for operation in workload_operations(self, shared):
                self._offer(operation)
        if kind in (CONFIG_MAPS, SECRETS):
            self.add_tab("values", "Values", lambda: ValuesPanel(shared, kind, meta))
        if kind is SERVICES and record.forwardable:
            self.add_tab("ports", "Port forwarding", lambda: PortsPanel(shared, kind, meta, record.forwardable))
        self.add_tab("yaml", "YAML", lambda: ManifestPanel(shared, kind, meta))
        self.add_tab("events", "Events", lambda: EventsPanel(shared, kind, meta))
        self.follow(kind, MAKERS[kind], meta)
        self._show(record)
        self.show_tab(self.tab_names[0])

    def _offer(self, operation: Operation) -> None:
        made = tool(operation.picture, operation.text, partial(self._run, operation), framed=True)
        self.actions_row.addWidget(made)
        self._operations.append((operation, made))

    def _run(self, operation: Operation) -> None:
        operation.run([self.record])

    def take(self, record: Any) -> None:
        self._show(record)

    def _show(self, record: Any) -> None:
        if record is not None:
            self.record = record
            meta: Meta = record.meta
            parts = (self.kind.name, meta.namespace, getattr(record, "status", ""))
            self.state.set_full("  ·  ".join(part for part in parts if part))
        for operation, made in self._operations:
            applies = record is not None and operation.applies(record)
            made.setVisible(record is None or applies)
            made.setEnabled(applies)


class PodsPanel(QWidget):
    """The pods of a workload."""

    def __init__(self, shared: Shared, kind: Kind, meta: Meta) -> None:
        super().__init__()
        self._shared, self._which = shared, (kind.name, meta.name)
        self.table = Table(pods.COLUMNS, "Pods")
        self.table.delegate.dots[pods.NAME] = lambda item: item.colour
        self.table.delegate.quiet.update((pods.READY, pods.RESTARTS, pods.CREATED))
        for column in (pods.SPACE, pods.OWNER, pods.CPU, pods.MEMORY):
            self.table.setColumnHidden(column, True)
        self.table.opened.connect(lambda found: shared.show(PODS, found.record))
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(self.table)
        self.setFocusProxy(self.table)
        self.pods = Objects(shared.cluster, self, PODS, pods.pod, meta.namespace)
        self.pods.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is known."""
        mine = [item for item in self.pods.items.values() if item.workload == self._which]
        self.table.records.update_rows(rows(mine, self.table.records.rows()))
