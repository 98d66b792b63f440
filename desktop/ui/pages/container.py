"""One container: logs, stats, inspect, files, ports and mounts."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop.control.schema import PortReport
from desktop.ui.context import Context
from desktop.ui.models.containers import Line, line, port_address, port_place, reachability
from desktop.ui.pages.container_operations import operations
from desktop.ui.pages.detail import AWAY, DetailPage, InspectPanel
from desktop.ui.pages.files import FilesPanel
from desktop.ui.pages.log import ContainerLogs, Source
from desktop.ui.pages.shell import open_terminal
from desktop.ui.pages.stats import StatsPanel
from desktop.ui.theme import GAP
from desktop.ui.widgets.basics import card, column, fill, label, link, local_key, row, tool
from desktop.ui.widgets.listpage import Operation
from desktop.ui.widgets.periodic_refresh import PeriodicRefresh
from engine.client.files import ContainerFiles
from engine.client.models import Container, Port


class ContainerPage(DetailPage):
    """The page of one container. It stays when the container is removed, and says so."""

    def __init__(self, context: Context, container: Container, tab: str = "logs") -> None:
        super().__init__(context, "containers", "Back to containers")
        self.container = container
        self.heading.set_full(container.name)
        self.terminal = tool("terminal", "Open a terminal (Ctrl+T)", self.open_terminal, framed=True)
        self.actions_row.addWidget(self.terminal)
        self.operations = [(item, self._button(item)) for item in operations(self, context)]
        self.add_tab("logs", "Logs", lambda: LogPanel(context, self.container))
        self.add_tab("stats", "Stats", lambda: StatsPanel(context, lambda: (self.container.id,)))
        self.add_tab("inspect", "Inspect", self._inspect)
        self.add_tab("files", "Files", self._files)
        self.add_tab("ports", "Ports and mounts", lambda: PlacesPanel(context, self.container.id))
        context.lists.containers.changed.connect(self._refresh)
        context.lists.busy.changed.connect(self._refresh)
        PeriodicRefresh(self, context.lists.containers.refresh_known)
        self._refresh()
        self.show_tab(tab)
        local_key(self, "Ctrl+T", self.open_terminal)

    def _inspect(self) -> QWidget:
        key = self.container.id
        return InspectPanel(
            self.context,
            lambda engine: engine.containers.inspect(key),
            lambda event: event.actor == key and not event.action.startswith("exec_"),
        )

    def _files(self) -> QWidget:
        files = ContainerFiles(self.context.engine, self.container.id)
        return FilesPanel(self.context, files, compared=True)

    def _button(self, operation: Operation) -> QWidget:
        made = tool(
            operation.picture, operation.text, lambda: operation.run([self._line(self.container)]), framed=True
        )
        self.actions_row.addWidget(made)
        return made

    def open_terminal(self) -> None:
        """Show a terminal in it below the page, where it stays."""
        if self.container.state == "running":
            open_terminal(self.context, self.container.id, self.container.name)

    def _line(self, container: Container) -> Line:
        doing = self.context.lists.busy.now().get(container.id)
        return line(container, origin=self.context.view.origin, doing=doing)

    def _refresh(self) -> None:
        found = self.context.lists.containers
        mine = next((item for item in found.items if item.id == self.container.id), None)
        if mine is None:
            self.state.set_full("Removed" if found.known else AWAY)
        else:
            self.container = mine
            self.heading.set_full(mine.name)
            self.state.set_full(f"{mine.image}  ·  {self._line(mine).status}")
        paused = mine is not None and mine.state == "paused"
        self.terminal.setEnabled(mine is not None and mine.state == "running")
        for operation, made in self.operations:
            made.setEnabled(mine is not None and operation.applies(self._line(mine)))
            if operation.name in ("pause", "unpause"):  # one place for both
                made.setVisible((operation.name == "unpause") == paused)


class LogPanel(ContainerLogs):
    """The container's log, followed; it goes on when the container is started again."""

    def __init__(self, context: Context, container: Container) -> None:
        super().__init__(context, "The container's log", container.id)
        self.show_logs([Source(context, container.id, container.name)])


class PlacesPanel(QWidget):
    """Ports, mounts and networks."""

    def __init__(self, context: Context, key: str) -> None:
        super().__init__()
        self._outer = QVBoxLayout(self)
        self._outer.setContentsMargins(0, 0, 0, 0)
        self._outer.setSpacing(GAP)
        self._context, self._key = context, key
        self._shown: QWidget | None = None
        context.view.events_received.connect(self._on_events)
        context.view.ready.connect(self._ask)
        self._ask()

    def _ask(self) -> None:
        session = self._context.session
        session.bridge.call(
            self._context.engine.containers.inspect(self._key), self._listened, lambda _: None, owner=self
        )

    def _listened(self, values: dict[str, Any]) -> None:
        """Ask where the host really listens; if that fails, show the rest without it."""
        if not self._context.connection.features.guest:
            self.show_places(values, [])
            return
        self._context.session.control(
            lambda client: client.ports(),
            lambda reports: self.show_places(values, reports),
            lambda _: self.show_places(values, []),
            owner=self,
        )

    def _on_events(self, events: list[Any]) -> None:
        mine = self._key
        if any(mine in (event.actor, event.attributes.get("container")) for event in events if _may_change(event)):
            self._ask()

    def show_places(self, values: dict[str, Any], reports: list[PortReport]) -> None:
        """Show what an inspection of the container says.

        :param values: the inspection.    :param reports: where the host listens; empty if that is not known.
        """
        if self._shown is not None:
            self._shown.deleteLater()
        self._shown = QWidget()
        parts = fill(QVBoxLayout(self._shown))
        network = values.get("NetworkSettings") or {}
        ports = column(label("Ports", "section"))
        for inner, bindings in sorted((network.get("Ports") or {}).items()):
            for port in _published(inner, bindings or ()):
                place = (port.protocol, port.host_port)
                who = reachability([one for one in reports if (one.protocol, one.port) == place])
                words = f"→ {inner} in the container" + (f", {who}" if who else "")
                ports.addLayout(row(_place(port, self._context.connection.host), label(words, "muted"), None))
            if not bindings:
                ports.addWidget(label(f"{inner}, not published", "muted"))
        mounts = column(label("Mounts", "section"))
        for mount in values.get("Mounts") or ():
            source = mount.get("Name") or mount.get("Source") or ""
            kind = f"{mount.get('Type')}, {'read-write' if mount.get('RW') else 'read-only'}"
            mounts.addWidget(label(f"{source}  →  {mount.get('Destination')}  ({kind})", wrap=True, select=True))
        networks = column(label("Networks", "section"))
        for name, item in (network.get("Networks") or {}).items():
            networks.addWidget(label(f"{name}  {item.get('IPAddress') or ''}", select=True))
        for part, empty in (
            (ports, "No published ports"),
            (mounts, "No mounts"),
            (networks, "No networks"),
        ):
            if part.count() == 1:
                part.addWidget(label(empty, "muted"))
            parts.addWidget(card(part))
        parts.addStretch(1)
        self._outer.addWidget(self._shown)


def show_container(context: Context, name: str) -> None:
    """Show the page of the container with this name, if there is one."""
    found = next((item for item in context.lists.containers.items if item.name == name), None)
    if found is not None:
        context.places.show_page(ContainerPage(context, found))


def _published(inner: str, bindings: Iterable[dict[str, str]]) -> list[Port]:
    """Where a container port is published; an IPv4 and an IPv6 address of the same port count as one."""
    number, _, protocol = inner.partition("/")
    ports = (Port(int(number), protocol, one["HostIp"], int(one["HostPort"])) for one in bindings)
    return list({port_place(port): port for port in ports}.values())


def _place(port: Port, host: str) -> QWidget:
    """The address of a port: a link if a browser can open it."""
    text = port_place(port, host)
    if port.protocol != "tcp":
        return label(text, select=True)
    return link(text, partial(QDesktopServices.openUrl, QUrl(port_address(port, host))))


def _may_change(event: Any) -> bool:
    """Whether an event may have changed the container."""
    return not event.action.startswith("exec_")
