"""The frame: the switch while the cluster does not run, else the tabs and the choice of a namespace."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QComboBox, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.kubernetes.cluster import Cluster
from desktop.ui.kubernetes.objects import Objects
from desktop.ui.models.kubernetes.meta import Json, Meta
from desktop.ui.pages.kubernetes.config import ConfigList
from desktop.ui.pages.kubernetes.detail import ObjectPages
from desktop.ui.pages.kubernetes.events import EventList
from desktop.ui.pages.kubernetes.overview import Overview
from desktop.ui.pages.kubernetes.pods import PodList
from desktop.ui.pages.kubernetes.scope import Scope, Shared
from desktop.ui.pages.kubernetes.services import ServiceList
from desktop.ui.pages.kubernetes.storage import StorageList
from desktop.ui.pages.kubernetes.switch import SwitchView
from desktop.ui.pages.kubernetes.workloads import WorkloadList
from desktop.ui.theme import MARGIN, PAD
from desktop.ui.widgets.basics import heading, row
from engine.kubernetes.client.kinds import NAMESPACES

ALL = "All namespaces"
TABS = (
    ("overview", "Overview", Overview),
    ("workloads", "Workloads", WorkloadList),
    ("pods", "Pods", PodList),
    ("services", "Services", ServiceList),
    ("config", "Config", ConfigList),
    ("storage", "Storage", StorageList),
    ("events", "Events", EventList),
)


class Namespace:
    """One of the cluster's namespaces."""

    def __init__(self, item: Json) -> None:
        self.meta = Meta.of(item)


class KubernetesPage(QWidget):
    """The page. :ivar tabs: made when first shown."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setObjectName("page")
        self.context = context
        self.cluster = Cluster(context.session, self)
        self.shared = Shared(context, self.cluster, Scope(self), ObjectPages())
        self.namespaces = QComboBox()
        self.namespaces.setAccessibleName("Namespace")
        self.namespaces.addItem(ALL, "")
        self.namespaces.activated.connect(
            lambda _: self.shared.scope.choose(str(self.namespaces.currentData() or ""))
        )
        self.switch = SwitchView(context, self.cluster)
        self.tabs = QTabWidget(documentMode=True)
        self.tabs.tabBar().setDrawBase(False)
        self.tabs.setAccessibleName("Kinds of objects")
        self._made: dict[str, QWidget] = {}
        for _, title, _ in TABS:
            holder = QWidget()
            QVBoxLayout(holder).setContentsMargins(0, 0, 0, 0)
            self.tabs.addTab(holder, title)
        self.tabs.currentChanged.connect(self._shown)
        self._stack = QStackedWidget()
        self._stack.addWidget(self.switch)
        self._stack.addWidget(self.tabs)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        outer.setSpacing(PAD)
        outer.addLayout(row(heading("Kubernetes"), None, self.namespaces))
        outer.addWidget(self._stack, 1)
        self._known = Objects(self.cluster, self, NAMESPACES, Namespace)
        self._known.changed.connect(self._fill)
        self.cluster.changed.connect(self._refresh)
        context.session.status_changed.connect(self._look)
        self._refresh()

    def show_subject(self, subject: str) -> None:
        """Go to a tab, by its name."""
        self.tabs.setCurrentIndex([name for name, _, _ in TABS].index(subject))

    def tab(self, name: str) -> QWidget:
        """The contents of a tab, made if need be."""
        if name not in self._made:
            place = [known for known, _, _ in TABS].index(name)
            made = self._made[name] = TABS[place][2](self.shared)
            holder = self.tabs.widget(place)
            layout = holder.layout() if holder is not None else None
            assert layout is not None
            layout.addWidget(made)
        return self._made[name]

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self.cluster.look()

    def _look(self) -> None:
        """The status has changed, or some seconds have passed."""
        if self.isVisible():
            self.cluster.look()

    def _refresh(self) -> None:
        runs = self.cluster.runs
        self.namespaces.setVisible(runs)
        self._stack.setCurrentWidget(self.tabs if runs else self.switch)
        if runs:
            self._shown(self.tabs.currentIndex())
        else:
            self.setFocusProxy(self.switch.enable)

    def _shown(self, place: int) -> None:
        if self.cluster.runs:
            self.setFocusProxy(self.tab(TABS[place][0]))

    def _fill(self) -> None:
        """Offer the namespaces that there are; one that has gone is not chosen any more."""
        names = sorted(one.meta.name for one in self._known.items.values())
        offered = [str(self.namespaces.itemData(place)) for place in range(1, self.namespaces.count())]
        if names != offered:
            self.namespaces.clear()
            self.namespaces.addItem(ALL, "")
            for name in names:
                self.namespaces.addItem(name, name)
            self.namespaces.setCurrentIndex(max(0, self.namespaces.findData(self.shared.scope.namespace)))
            if self._known.known:
                self.shared.scope.choose(str(self.namespaces.currentData() or ""))
