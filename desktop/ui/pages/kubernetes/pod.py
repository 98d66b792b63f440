"""One pod: its containers, logs of this instance and the one before, a terminal, events and YAML."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from desktop.ui.models.kubernetes import pods as model
from desktop.ui.models.kubernetes.pods import Pod, PodContainer
from desktop.ui.models.records import Row
from desktop.ui.pages.kubernetes.events import EventsPanel
from desktop.ui.pages.kubernetes.frame import ClusterDetail
from desktop.ui.pages.kubernetes.manifest import ManifestPanel
from desktop.ui.pages.kubernetes.pod_session import PodSession
from desktop.ui.pages.kubernetes.ports import PortsPanel
from desktop.ui.pages.kubernetes.scope import Shared
from desktop.ui.pages.log import FrameLog
from desktop.ui.pages.shell import ShellPanel
from desktop.ui.theme import GAP
from desktop.ui.widgets.basics import label, row, tool
from desktop.ui.widgets.table import Table
from engine.client.streams import Frame, Std
from engine.kubernetes.client.kinds import PODS

TAIL = 5000
"""Lines of a log that are fetched at first; new ones follow as they are printed."""


class PodPage(ClusterDetail):
    """The page of one pod. It stays when the pod is deleted, and says so."""

    def __init__(self, shared: Shared, pod: Pod, tab: str = "containers") -> None:
        super().__init__(shared)
        self.pod = pod
        meta = pod.meta
        self.heading.set_full(meta.name)
        self.add_tab("containers", "Containers", lambda: ContainersPanel(self))
        self.add_tab("logs", "Logs", lambda: PodLogs(self))
        self.add_tab("terminal", "Terminal", lambda: PodShell(self))
        self.add_tab("ports", "Port forwarding", lambda: PortsPanel(shared, PODS, meta, model.ports(pod)))
        self.add_tab("events", "Events", lambda: EventsPanel(shared, PODS, meta))
        self.add_tab("yaml", "YAML", lambda: ManifestPanel(shared, PODS, meta))
        self.follow(PODS, model.pod, meta)
        self._tell()
        self.show_tab(tab)

    def take(self, record: Pod | None) -> None:
        if record is not None:
            self.pod = record
            self._tell()

    def _tell(self) -> None:
        self.state.set_full(model.describe(self.pod))
        for name in self.tab_names:
            panel = self.tab(name)
            if isinstance(panel, ContainersPanel | PodLogs | PodShell):
                panel.refresh()


class ContainersPanel(QWidget):
    """The containers with their states; a whole message is below them."""

    def __init__(self, page: PodPage) -> None:
        super().__init__()
        self._page = page
        self.table = Table(model.CONTAINER_COLUMNS, "Containers of the pod")
        self.table.delegate.dots[0] = lambda item: item.colour
        self.table.delegate.quiet.update((2, 3, 4))
        self.table.sortByColumn(-1, self.table.header().sortIndicatorOrder())
        self.why = label("", "muted", wrap=True, select=True)
        self.why.setAccessibleName("Reason")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GAP)
        outer.addWidget(self.why)
        outer.addWidget(self.table, 1)
        self.setFocusProxy(self.table)
        self.refresh()

    def refresh(self) -> None:
        """Show the pod of now."""
        pod = self._page.pod
        self.table.records.update_rows([Row(one.name, one) for one in pod.containers])
        self.why.setText(pod.why)
        self.why.setVisible(bool(pod.why))


class PodLogs(QWidget):
    """The log of one of the pod's containers, in the log widget of all others."""

    def __init__(self, page: PodPage) -> None:
        super().__init__()
        self._page, self._meta = page, page.pod.meta
        self.which = chooser("Container", page.pod.containers)
        self.previous = tool("earlier", "Show the instance before the last restart", self._begin, checkable=True)
        self.log = FrameLog(page.shared.context, "The pod's log", self._read)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GAP)
        outer.addLayout(row(self.which, self.previous, None))
        outer.addWidget(self.log, 1)
        self.setFocusProxy(self.log)
        self.which.setVisible(self.which.count() > 1)
        self.which.activated.connect(self._begin)
        self._instance: tuple[str, int, bool] | None = None
        self._begin()

    def refresh(self) -> None:
        """Begin anew where the container has been started since; what was printed before its end stays."""
        if self._instance != self._instance_now() and not self.previous.isChecked():
            if self._instance_now()[2]:
                self._begin()
            self._show_previous()

    def _instance_now(self) -> tuple[str, int, bool]:
        """Which instance there is, and whether it runs."""
        found = self._container
        return ("", 0, False) if found is None else (found.key, found.restarts, found.state == "Running")

    @property
    def _container(self) -> PodContainer | None:
        name = self.which.currentText()
        return next((one for one in self._page.pod.containers if one.name == name), None)

    def _show_previous(self) -> None:
        restarted = self._container is not None and self._container.restarted
        self.previous.setVisible(any(one.restarted for one in self._page.pod.containers))
        self.previous.setEnabled(restarted)
        if not restarted:
            self.previous.setChecked(False)

    def _begin(self) -> None:
        self._show_previous()
        self._instance = self._instance_now()
        self._chosen = self.which.currentText(), self.previous.isChecked()
        self.log.begin()

    async def _read(self) -> AsyncIterator[Frame]:
        container, previous = self._chosen
        client = await self._page.shared.cluster.client()
        logs = client.logs(
            self._meta.namespace, self._meta.name, container, follow=not previous, previous=previous, tail=TAIL
        )
        async for piece in logs:
            yield Frame(Std.OUT, piece)


class PodShell(QWidget):
    """A terminal in one of the pod's containers: by dockerd in Slipway's own cluster, else by the API."""

    def __init__(self, page: PodPage) -> None:
        super().__init__()
        self._page = page
        self.shell: ShellPanel | None = None
        self._key = ""
        self.which = chooser("Container", page.pod.containers)
        self.note = label("", "muted")
        self._outer = QVBoxLayout(self)
        self._outer.setContentsMargins(0, 0, 0, 0)
        self._outer.setSpacing(GAP)
        self._outer.addLayout(row(self.which, self.note, None))
        self._outer.addStretch(1)
        self.which.setVisible(self.which.count() > 1)
        self.which.activated.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Open a terminal in the chosen container; in a new one when it has been restarted."""
        name = self.which.currentText()
        found = next((one for one in self._page.pod.containers if one.name == name), None)
        key = found.key if found is not None and found.state == "Running" else ""
        self.note.setText("" if key else "This container is not running.")
        self.note.setVisible(not key)
        if key == self._key or (not key and self.shell is not None):
            return
        self._key = key
        if self.shell is not None:
            self.shell.deleteLater()
        shared, meta = self._page.shared, self._page.pod.meta
        if shared.cluster.own:
            self.shell = ShellPanel(shared.context, key)
        else:
            begin = partial(PodSession, shared.cluster, meta, name)
            self.shell = ShellPanel(shared.context, key, begin=begin)
        self._outer.addWidget(self.shell, 100)
        self.setFocusProxy(self.shell)


def chooser(name: str, containers: tuple[PodContainer, ...]) -> QComboBox:
    """A choice of a container; the first that is no init container is chosen."""
    made = QComboBox()
    made.setAccessibleName(name)
    made.addItems([one.name for one in containers])
    main = next((place for place, one in enumerate(containers) if not one.init), 0)
    made.setCurrentIndex(main)
    return made
