"""One network: the containers in it, with connect and disconnect, and the engine's description."""

from __future__ import annotations

from typing import Any

from PySide6.QtWidgets import QComboBox, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.models.format import counted
from desktop.ui.models.networks import Member, NetworkLine, members
from desktop.ui.models.records import Column, Row
from desktop.ui.pages.detail import DetailPage, InspectPanel
from desktop.ui.theme import GAP
from desktop.ui.widgets.basics import button, label, local_key, row
from desktop.ui.widgets.dialogs import Form
from desktop.ui.widgets.table import Table
from engine.client import EngineClient, Event

COLUMNS = (
    Column("Container", lambda item: item.name, width=0),
    Column("IPv4", lambda item: item.ipv4, width=150),
    Column("IPv6", lambda item: item.ipv6, width=240),
    Column("MAC", lambda item: item.mac, width=150),
)

FIXED = ("host", "none")
"""Networks that running containers cannot join or leave."""


class NetworkPage(DetailPage):
    """The page of one network."""

    def __init__(self, context: Context, line: NetworkLine) -> None:
        super().__init__(context, "networks", "Back to networks")
        self._key, self._name = line.network.id, line.network.name
        self.heading.set_full(self._name)
        self.add_tab("containers", "Containers", lambda: MembersPanel(context, self._key, self._name))
        self.add_tab("inspect", "Inspect", self._inspect)
        for found in (context.lists.networks, context.lists.containers):
            found.changed.connect(self._refresh)
        self._refresh()
        self.show_tab("containers")

    def _inspect(self) -> QWidget:
        key = self._key
        return InspectPanel(
            self.context, lambda engine: engine.networks.inspect(key), lambda event: event.actor == key
        )

    def _refresh(self) -> None:
        found = self.context.lists.networks
        if not found.known:
            return
        mine = next((item for item in found.items if item.id == self._key), None)
        gone = mine is None
        self.tabs.setEnabled(not gone)
        self.state.set_full(
            "Removed" if mine is None else f"{mine.driver}  ·  {', '.join(mine.subnets) or 'no subnet'}"
        )


class MembersPanel(QWidget):
    """The containers in a network."""

    def __init__(self, context: Context, key: str, name: str) -> None:
        super().__init__()
        self._context, self._key, self._name = context, key, name
        self.table = Table(COLUMNS, "Containers in the network")
        self.table.delegate.quiet.update((1, 2, 3))
        self.note = label("", "muted")
        self.connect_button = button("Connect…", self.connect_dialog, picture="add")
        self.disconnect_button = button("Disconnect", self._disconnect, picture="close")
        self.connect_button.setEnabled(name not in FIXED)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GAP)
        outer.addLayout(row(self.note, None, self.connect_button, self.disconnect_button))
        outer.addWidget(self.table, 1)
        self.setFocusProxy(self.table)
        local_key(self.table, "Del", self._disconnect)
        self.table.chosen_changed.connect(self._enable)
        context.view.events_received.connect(self._on_events)
        context.view.ready.connect(self._ask)
        self._enable()
        self._ask()

    def _ask(self) -> None:
        session = self._context.session
        session.bridge.call(
            self._context.engine.networks.inspect(self._key), self._show, lambda _: None, owner=self
        )

    def _on_events(self, events: list[Event]) -> None:
        if any(event.kind == "network" and event.actor == self._key for event in events):
            self._ask()

    def _show(self, values: dict[str, Any]) -> None:
        found = members(values)
        self.table.records.update_rows([Row(item.key, item) for item in found])
        count = len(found)
        self.note.setText(
            f"{counted(count, 'running container')}" if count else "No running containers in this network"
        )

    def _enable(self) -> None:
        self.disconnect_button.setEnabled(bool(self.table.chosen()) and self._name not in FIXED)

    def connect_dialog(self) -> Form:
        """Open the form that connects a container."""
        inside = {row.key for row in self.table.records.rows()}
        outside = [item for item in self._context.lists.containers.items if item.id not in inside]
        form = Form(self, f"Connect a container to “{self._name}”", "Connect")
        choice = QComboBox()
        for item in sorted(outside, key=lambda item: item.name):
            choice.addItem(item.name, item.id)
        form.add("Container", choice)
        aliases = form.field("Aliases", "for example db, database")
        form.verb.setEnabled(bool(outside))

        def accepted() -> None:
            names = tuple(part.strip() for part in aliases.text().split(",") if part.strip())
            session = self._context.session
            session.bridge.call(
                self._context.engine.networks.connect(self._key, choice.currentData(), names),
                lambda _: self._ask(),
                self._context.banners.error,
                owner=self,
            )

        form.accepted.connect(accepted)
        form.open()
        return form

    def _disconnect(self) -> None:
        chosen: list[Member] = [found.record for found in self.table.chosen()]

        async def call(engine: EngineClient, key: str) -> None:
            await engine.networks.disconnect(self._key, key)

        if chosen and self._name not in FIXED:
            subjects = [(item.key, item.name) for item in chosen]
            self._context.each(subjects, call, "{} could not be disconnected", "Disconnecting")
