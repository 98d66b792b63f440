"""Services and ingresses, with links to where they answer on localhost."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices

from desktop.ui.models.kubernetes import services as model
from desktop.ui.models.kubernetes.meta import Named
from desktop.ui.models.records import Row
from desktop.ui.pages.kubernetes.listed import ObjectList
from desktop.ui.pages.kubernetes.scope import Shared
from desktop.ui.widgets.listpage import Operation
from engine.kubernetes.client.kinds import INGRESSES, SERVICES, Kind


class ServiceList(ObjectList):
    """The tab with all services."""

    def __init__(self, shared: Shared) -> None:
        super().__init__(shared, "Services", "networks", model.COLUMNS, model.searched)
        self.table.delegate.links.add(model.LOCAL)
        self.table.delegate.quiet.update((model.SPACE, model.TYPE, model.PORTS, model.ADDRESS, model.CREATED))
        self.table.linked.connect(self._follow_link)
        self.add_filters(("All", lambda item: True), ("On your computer", lambda item: bool(item.local)))
        self.add_operations(
            Operation(
                "browse",
                "Open in browser",
                "open",
                lambda found: self._open(found[0], 0),
                lambda item: any(one.url for one in item.local),
                "Ctrl+O",
                single=True,
                row=True,
            )
        )
        self.add_common()
        self.explain_empty(
            "No services yet", "Publish a workload: kubectl expose deployment web --port 80 --type NodePort"
        )
        self.watch(SERVICES, model.service)
        self.watch(INGRESSES, model.ingress)
        self._placed: dict[str, model.Service] = {}
        shared.cluster.changed.connect(self.refresh)
        self.refresh()

    def kind_of(self, record: model.Service) -> Kind:
        return SERVICES if record.is_service else INGRESSES

    def records_now(self) -> Iterable[Named]:
        report = self.shared.cluster.report
        ports = report.ports if report is not None and self.shared.cluster.own else ()
        local = model.local_ports(
            ((one.namespace, one.service), one.protocol, one.port, one.error) for one in ports
        )
        found = [item for one in self.lists for item in one.items.values()]
        before, self._placed = self._placed, {}
        for item in found:
            made, known = (
                replace(item, local=model.placed(item, local)),
                before.get(item.meta.uid),
            )
            self._placed[item.meta.uid] = known if known == made and known is not None else made
        return self._placed.values()

    def _follow_link(self, found: Row, column: int, number: int) -> None:
        if column == model.LOCAL:
            self._open(found.record, number)

    def _open(self, item: model.Service, number: int) -> None:
        url = item.local[number].url
        if url:
            QDesktopServices.openUrl(QUrl(url))
