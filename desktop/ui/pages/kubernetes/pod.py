"""One pod: its containers, logs of this instance and the one before, a terminal, events and YAML."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial

from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.kubernetes.objects import Objects
from desktop.ui.models.kubernetes import pods as model
from desktop.ui.models.kubernetes.pods import Pod, PodContainer
from desktop.ui.models.records import Row
from desktop.ui.pages.detail import DetailPage
from desktop.ui.pages.kubernetes.events import EventsPanel
from desktop.ui.pages.kubernetes.listed import delete_objects
from desktop.ui.pages.kubernetes.manifest import ManifestPanel
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


class PodPage(DetailPage):
    """The page of one pod. It stays when the pod is deleted, and says so."""

    def __init__(self, shared: Shared, pod: Pod, tab: str = "containers") -> None:
        super().__init__(shared.context, "kubernetes", "Back to Kubernetes")
        self.shared, self.pod = shared, pod
        meta = pod.meta
        self.heading.set_full(meta.name)
        which = f"metadata.name={meta.name}"
        self._now = Objects(shared.cluster, self, PODS, model.pod, meta.namespace, fieldSelector=which)
        self.add_tab("containers", "Containers", lambda: ContainersPanel(self))
        self.add_tab("logs", "Logs", lambda: PodLogs(shared, self.pod))
        self.add_tab("terminal", "Terminal", lambda: PodShell(shared.context, self))
        self.add_tab("events", "Events", lambda: EventsPanel(shared, PODS, meta))
        self.add_tab("yaml", "YAML", lambda: ManifestPanel(shared, PODS, meta))
        self.actions_row.addWidget(tool("remove", "Delete…", self._delete, framed=True))
        self._now.changed.connect(self._refresh)
        self._tell()
        self.show_tab(tab)

    def _delete(self) -> None:
        back = partial(self.context.places.show_place, "kubernetes")
        delete_objects(self, self.shared, [(PODS, self.pod.meta)], back)

    def _refresh(self) -> None:
        if not self._now.known:
            return
        found = self._now.items.get(self.pod.meta.uid)
        if found is None:
            self.state.set_full("Deleted")
            return
        self.pod = found
        self._tell()

    def _tell(self) -> None:
        self.state.set_full(model.describe(self.pod))
        for name in ("containers", "terminal"):
            panel = self.tab(name)
            if isinstance(panel, ContainersPanel | PodShell):
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

    def __init__(self, shared: Shared, pod: Pod) -> None:
        super().__init__()
        self._shared, self._meta = shared, pod.meta
        self.which = chooser("Container", pod.containers)
        self.previous = tool("earlier", "Show the instance before the last restart", self._begin, checkable=True)
        self._restarted = {one.name: one.restarted for one in pod.containers}
        self.log = FrameLog(shared.context, "The pod's log", self._read)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GAP)
        outer.addLayout(row(self.which, self.previous, None))
        outer.addWidget(self.log, 1)
        self.which.setVisible(self.which.count() > 1)
        self.previous.setVisible(any(self._restarted.values()))
        self.setFocusProxy(self.log)
        self.which.activated.connect(self._begin)
        self._begin()

    def _begin(self) -> None:
        restarted = self._restarted.get(self.which.currentText(), False)
        self.previous.setEnabled(restarted)
        if not restarted:
            self.previous.setChecked(False)
        self._chosen = self.which.currentText(), self.previous.isChecked()
        self.log.begin()

    async def _read(self) -> AsyncIterator[Frame]:
        container, previous = self._chosen
        client = await self._shared.cluster.client()
        logs = client.logs(
            self._meta.namespace, self._meta.name, container, follow=not previous, previous=previous, tail=TAIL
        )
        async for piece in logs:
            yield Frame(Std.OUT, piece)


class PodShell(QWidget):
    """A terminal in one of the pod's containers, by dockerd, which runs them."""

    def __init__(self, context: Context, page: PodPage) -> None:
        super().__init__()
        self._context, self._page = context, page
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
        key = found.docker_id if found is not None and found.state == "Running" else ""
        self.note.setText("" if key else "This container is not running.")
        self.note.setVisible(not key)
        if key == self._key or (not key and self.shell is not None):
            return
        self._key = key
        if self.shell is not None:
            self.shell.deleteLater()
        self.shell = ShellPanel(self._context, key)
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
