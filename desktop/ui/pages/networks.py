"""Networks: list, create, inspect, remove, prune."""

from __future__ import annotations

import ipaddress
from functools import partial

from PySide6.QtWidgets import QCheckBox, QComboBox

from desktop.ui.context import Context
from desktop.ui.models import networks as model
from desktop.ui.models.format import counted
from desktop.ui.models.networks import NetworkLine
from desktop.ui.models.run import name_error, parts
from desktop.ui.pages.network import NetworkPage
from desktop.ui.widgets.basics import button
from desktop.ui.widgets.dialogs import Form, Question
from desktop.ui.widgets.listpage import ListPage, Operation
from engine.client import EngineClient
from engine.client.networks import Pool

DRIVERS, WINDOWS_DRIVERS = ("bridge", "macvlan", "ipvlan"), ("nat", "transparent", "l2bridge", "overlay")
"""Those for one computer, in the engines for Linux and for Windows containers."""


class NetworksPage(ListPage):
    """The page with the list of networks."""

    def __init__(self, context: Context) -> None:
        super().__init__(context, "Networks", "networks", model.COLUMNS, platform=model.PLATFORM)
        self.table.delegate.quiet.update(range(model.ID, model.USERS + 1))
        self.table.records.search_in(lambda line: " ".join((line.network.name, line.network.id, *line.users)))
        self.table.opened.connect(lambda found: self.open(found.record))
        self.add_button(button("Create…", self.create_dialog, picture="add", primary=True))
        self.commands["create"] = self.create_dialog
        self.add_filters(
            ("All", lambda line: True),
            ("Custom", lambda line: not line.predefined),
            ("Not used", lambda line: not line.users and not line.predefined),
        )
        self.add_operations(
            Operation(
                "details", "Open details", "inspect", lambda lines: self.open(lines[0]), single=True, row=True
            ),
            Operation(
                "remove", "Remove…", "remove", self._remove, lambda line: not line.predefined, "Del", row=True
            ),
        )
        self.add_prune(self.prune)
        self.explain_empty("No networks", "Networks appear here while the engine is running.")
        self.follow(self.refresh, lambda lists: lists.networks, lambda lists: lists.containers)
        self.refresh()

    def told(self, record: NetworkLine) -> tuple[str, str]:
        return record.network.name, record.network.driver

    def refresh(self) -> None:
        """Show the current list."""
        rows = [
            row
            for one in self.context.both
            for row in model.network_rows(one.lists.networks.items, one.lists.containers.items, one.view.origin)
        ]
        self.show_rows(rows, self.known(lambda lists: lists.networks))

    def create_dialog(self) -> Form:
        """Open the form that creates a network."""
        form, target = Form(self, "Create a network", "Create"), self.target
        name = form.field("Name", "for example backend", check=name_error)
        driver = QComboBox()
        driver.addItems(WINDOWS_DRIVERS if target.view.origin.os == "windows" else DRIVERS)
        form.add("Driver", driver)
        hint = "automatic; for example 172.30.0.0/16"
        subnet = form.field("Subnet", hint, check=lambda text: subnet_error(text, 4))
        gateway = form.field(
            "Gateway", "the first address of the subnet", check=lambda text: inside_error(text, subnet.text())
        )
        part = form.field("IP range", "the whole subnet", check=lambda text: inside_error(text, subnet.text()))
        ipv6 = QCheckBox("Enable IPv6")
        form.form.addRow("", ipv6)
        subnet6 = form.field(
            "IPv6 subnet", "automatic; for example fd00:1::/64", check=lambda text: subnet_error(text, 6)
        )
        subnet6.setEnabled(False)
        ipv6.toggled.connect(subnet6.setEnabled)
        labels = form.field("Labels", "for example team=core, stage=test", check=labels_error)
        internal = QCheckBox("Internal: no access to other networks")
        form.form.addRow("", internal)
        subnet.textChanged.connect(lambda: form.check())

        def accepted() -> None:
            pools = [Pool(subnet.text().strip(), gateway.text().strip(), part.text().strip())]
            pools += [Pool(subnet6.text().strip())] if ipv6.isChecked() else []
            work = partial(
                target.engine.networks.create,
                name.text().strip(),
                driver=driver.currentText(),
                internal=internal.isChecked(),
                ipv6=ipv6.isChecked(),
                pools=[pool for pool in pools if pool.subnet],
                labels=dict(pair.split("=", 1) for pair in parts(labels.text())),
            )
            title = f"Creating the network {name.text().strip()}"
            self.context.session.activities.call(title, work, engine=target.engine_words)

        form.accepted.connect(accepted)
        form.open()
        return form

    def open(self, line: NetworkLine) -> NetworkPage:
        """Show the page of one network."""
        page = NetworkPage(self.context.at(line), line)
        self.context.places.show_page(page)
        return page

    def _remove(self, lines: list[NetworkLine]) -> None:
        names = [line.network.name for line in lines]
        what = f"“{names[0]}”" if len(names) == 1 else f"{len(names)} networks"
        users = sorted({user for line in lines for user in line.users})
        text = "No container uses it." if len(names) == 1 else "No container uses them."
        if users:
            text = f"In use by {', '.join(users[:6])}. Disconnect running containers first."

        async def call(engine: EngineClient, key: str) -> None:
            await engine.networks.remove(key)

        question = Question(self, f"Remove {what}?", text, "Remove", names=names if len(names) > 1 else None)

        def agreed(_: bool) -> None:
            for one, mine in self.context.split(lines):
                subjects = [(line.network.id, line.network.name) for line in mine]
                one.each(subjects, call, "{} could not be removed", "Removing")

        question.then(agreed)

    def prune(self) -> None:
        """Ask, naming the networks to remove."""
        target = self.target
        lines = [row.record for row in self.table.records.rows() if self.context.at(row.record) is target]
        idle = [line.network.name for line in lines if not line.users and not line.predefined]
        if not idle:
            self.context.banners.show_message("info", "Nothing to prune: all networks are in use or predefined")
            return
        question = Question(self, "Prune networks?", "No container uses these networks.", "Prune", names=idle)

        def agreed(_: bool) -> None:
            self.context.session.activities.call(
                "Pruning networks",
                target.engine.networks.prune,
                lambda gone: self.context.banners.show_message(
                    "done", f"Removed {counted(len(gone.removed), 'network')}"
                ),
                engine=target.engine_words,
            )

        question.then(agreed)


def subnet_error(text: str, version: int) -> str:
    """Why a text is not a subnet; empty when it is one or empty."""
    if not text:
        return ""
    try:
        found = ipaddress.ip_network(text)
    except ValueError as error:
        return f"{error}."
    return "" if found.version == version else f"This is an IPv{found.version} subnet."


def inside_error(text: str, subnet: str) -> str:
    """Why a text is not an address or range in a subnet; empty when it is one or empty."""
    if not text:
        return ""
    try:
        part, whole = ipaddress.ip_network(text), ipaddress.ip_network(subnet.strip())
    except ValueError as error:
        return f"{error}." if subnet.strip() else "Enter a subnet as well."
    inside = part.version == whole.version and part.network_address in whole and part.broadcast_address in whole
    return "" if inside else f"This is not in {whole}."


def labels_error(text: str) -> str:
    """Why a text is not a list of labels; empty when it is one."""
    wrong = [pair for pair in parts(text) if not pair.partition("=")[0] or "=" not in pair]
    return f"“{wrong[0]}”: use NAME=value." if wrong else ""
