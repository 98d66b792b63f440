"""The frame: the switch while the cluster does not run, else the tabs and the choice of a namespace."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import QComboBox, QFileDialog, QStackedWidget, QTabWidget, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.engine_view import EngineView
from desktop.ui.kubernetes.cluster import Cluster
from desktop.ui.kubernetes.forwards import Forwards
from desktop.ui.kubernetes.objects import Objects
from desktop.ui.models.kubernetes.meta import Json, Meta
from desktop.ui.pages.kubernetes.apply import apply_files
from desktop.ui.pages.kubernetes.config import ConfigList
from desktop.ui.pages.kubernetes.detail import ObjectPages
from desktop.ui.pages.kubernetes.events import EventList
from desktop.ui.pages.kubernetes.listed import ObjectList
from desktop.ui.pages.kubernetes.overview import Overview
from desktop.ui.pages.kubernetes.pods import PodList
from desktop.ui.pages.kubernetes.scope import Scope, Shared
from desktop.ui.pages.kubernetes.services import ServiceList
from desktop.ui.pages.kubernetes.storage import StorageList
from desktop.ui.pages.kubernetes.switch import SwitchView
from desktop.ui.pages.kubernetes.workloads import WorkloadList
from desktop.ui.palette import Choice
from desktop.ui.theme import MARGIN, PAD
from desktop.ui.widgets.basics import button, heading, row
from desktop.ui.widgets.dialogs import ENGINE
from engine.kubernetes.client.access import context_names, user_kubeconfigs
from engine.kubernetes.client.kinds import NAMESPACES

ALL = "All namespaces"
OWN, NAME = "This computer", "slipway"
"""Slipway's own cluster, and its context in the user's kubeconfig."""

SHOWN = 16
"""Characters of a context's name that are shown; the list has all of it."""

PATTERNS = "Manifests (*.yaml *.yml *.json)"
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
        view = EngineView(context.session.bridge, context.session.own, self)  # whichever engine the others show
        beside, forwards = replace(context, view=view, beside=None), Forwards(self.cluster, self)
        self.shared = Shared(beside, self.cluster, Scope(self), ObjectPages(), forwards)
        self.namespaces = QComboBox()
        self.namespaces.setAccessibleName("Namespace")
        self.namespaces.addItem(ALL, "")
        self.namespaces.activated.connect(
            lambda _: self.shared.scope.choose(str(self.namespaces.currentData() or ""))
        )
        self.clusters = QComboBox()
        self.clusters.setAccessibleName("Cluster")
        self.clusters.addItem(OWN, "")
        self.clusters.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.clusters.setMinimumContentsLength(SHOWN)  # those of clouds are long
        self.clusters.hide()
        self.clusters.activated.connect(lambda _: self._choose_cluster())
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
        self.apply = button("Apply files…", self._choose_files, picture="upload")
        self.setAcceptDrops(True)
        outer.addLayout(row(heading("Kubernetes"), None, self.clusters, self.namespaces, self.apply))
        outer.addWidget(self._stack, 1)
        self._known = Objects(self.cluster, self, NAMESPACES, Namespace)
        self._known.changed.connect(self._fill)
        self.cluster.changed.connect(self._refresh)
        context.session.status_changed.connect(self._look)
        self._refresh()

    def show_subject(self, subject: str) -> None:
        """Go to a tab, by its name."""
        self.tabs.setCurrentIndex([name for name, _, _ in TABS].index(subject))

    def choices(self) -> list[Choice]:
        """The objects of the lists that have been looked at."""
        found = []
        for name, made in self._made.items():
            if self.cluster.runs and isinstance(made, ObjectList) and name != "events":
                for record in made.every():
                    kind, meta = made.kind_of(record), record.meta
                    words = "  ·  ".join(filter(None, (meta.namespace, getattr(record, "status", ""))))
                    found.append(Choice(kind.name, meta.name, words, partial(self.shared.show, kind, record)))
        return found

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

    # -- clusters -------------------------------------------------------------------------------------------------

    def _choose_cluster(self) -> None:
        self.cluster.choose(str(self.clusters.currentData() or ""))
        self.setProperty(ENGINE, self.cluster.where)

    def _offer(self, contexts: list[str]) -> None:
        """Offer other contexts of the user's kubeconfig, if there are any."""
        others = [name for name in contexts if name != NAME]
        chosen = self.cluster.other
        self.clusters.clear()
        self.clusters.addItem(OWN, "")
        for name in others:
            self.clusters.addItem(name, name)
            self.clusters.setItemData(self.clusters.count() - 1, name, Qt.ItemDataRole.ToolTipRole)
        self.clusters.setCurrentIndex(max(0, self.clusters.findData(chosen)))
        self.clusters.setVisible(bool(others))
        self._choose_cluster()

    # -- manifests ------------------------------------------------------------------------------------------------

    def _choose_files(self) -> None:
        chooser = QFileDialog(self, "Apply files", str(Path.home()), PATTERNS)
        chooser.setFileMode(QFileDialog.FileMode.ExistingFiles)
        chooser.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        chooser.filesSelected.connect(lambda names: apply_files(self, self.shared, [Path(one) for one in names]))
        chooser.open()

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if self.cluster.runs and _paths(event):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        apply_files(self, self.shared, _paths(event))
        event.acceptProposedAction()

    # -- what is shown --------------------------------------------------------------------------------------------

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self.cluster.look()
        contexts = asyncio.to_thread(lambda: context_names(*user_kubeconfigs()))
        self.context.session.bridge.call(contexts, self._offer, lambda _: None, owner=self)

    def _look(self) -> None:
        """The status has changed, or some seconds have passed."""
        if self.isVisible():
            self.cluster.look()

    def _refresh(self) -> None:
        runs = self.cluster.runs
        for part in (self.namespaces, self.apply):
            part.setVisible(runs)
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


def _paths(event: QDropEvent) -> list[Path]:
    """The files and folders of this computer that are dragged."""
    return [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
