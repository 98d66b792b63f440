"""TLS: the engine for docker on other computers, by certificates; what ``slipway tls`` does."""

from __future__ import annotations

import time
from collections.abc import Callable, Coroutine
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QFormLayout,
    QHeaderView,
    QLineEdit,
    QSpinBox,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from desktop.control.client import ControlClient
from desktop.control.schema import TLS_PORT, Note, TlsClientReport, TlsReport
from desktop.control.tls_files import REACHABLE, is_loopback
from desktop.ui.context import Context
from desktop.ui.pages.settings.editors import NARROW, WIDE
from desktop.ui.pages.settings.form import CAPTION, LINE, titled
from desktop.ui.pages.settings.tls_client import ContextDialog, NewClient, NewClientForm, make_client
from desktop.ui.theme import GAP, PAD
from desktop.ui.widgets.basics import button, label, local_key, row
from desktop.ui.widgets.dialogs import Question
from desktop.ui.widgets.periodic_refresh import PeriodicRefresh
from desktop.ui.words import mark, tr

HELP = mark(
    "Docker on other computers can use this engine, each by a certificate that you make and can revoke. "
    "It is off by default."
)
LOOPBACK = "127.0.0.1"
STATES = {"valid": mark("valid"), "revoked": mark("revoked"), "expired": mark("expired")}
COLUMNS = (mark("Name"), mark("State"), mark("Created"), mark("Expires"), mark("Revoked"), mark("Connections"))
ROWS = 160
"""Height of the table; it scrolls."""


class TlsTab(QWidget):
    """Where the engine answers by TLS, and for whom."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._report: TlsReport | None = None
        self.state, self.url, self.names, self.authority = (label("…", wrap=True, select=True) for _ in range(4))
        self.address = QLineEdit(LOOPBACK)
        self.address.setMaximumWidth(WIDE)
        self.port = QSpinBox(minimum=1, maximum=65535, value=TLS_PORT)
        self.port.setMaximumWidth(NARROW)
        self.port.setButtonSymbols(QSpinBox.ButtonSymbols.NoButtons)
        self.port.lineEdit().setAccessibleName(tr("Port"))  # the one that has the focus
        self.hosts = QLineEdit(placeholderText=tr("optional, such as build.example.com"))
        self.hosts.setMaximumWidth(WIDE)
        self.warning = label("", "reason", wrap=True)
        self.enable = button(tr("Turn on"), self._enable, primary=True)
        self.disable = button(tr("Turn off"), self._disable)
        self._form = QFormLayout()
        self._form.setHorizontalSpacing(GAP)
        self._form.setVerticalSpacing(GAP)
        self._form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft)
        self._line(tr("State"), self.state)
        self._line(tr("Address"), self.address)
        self._line(tr("Port"), self.port)
        self._line(tr("Names"), self.hosts)
        self._line("", self.warning)
        self._line(tr("Clients use"), self.url)
        self._line(tr("Certificate for"), self.names)
        self._line(tr("Authority"), self.authority)
        self.clients = QTreeWidget()
        self.clients.setRootIsDecorated(False)
        self.clients.setUniformRowHeights(True)
        self.clients.setAllColumnsShowFocus(True)
        self.clients.setHeaderLabels([tr(title) for title in COLUMNS])
        self.clients.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.clients.setAccessibleName(tr("Clients"))
        self.clients.setFixedHeight(ROWS)
        self.nothing = label(tr("No certificate has been made."), "muted")
        self.add = button(tr("New client…"), self._add, picture="add")
        self.revoke = button(tr("Revoke…"), self._revoke, picture="remove")
        local_key(self.clients, "Del", self._revoke)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, PAD, 0, 0)
        outer.setSpacing(PAD)
        switches = row(self.enable, self.disable, None)
        outer.addWidget(titled(tr("Clients on other computers"), tr(HELP), self._form, switches))
        outer.addWidget(titled(tr("Clients"), "", self.nothing, self.clients, row(self.add, self.revoke, None)))
        outer.addStretch(1)
        self.address.textChanged.connect(self._settle)
        self.hosts.textChanged.connect(self._settle)
        self.port.valueChanged.connect(self._settle)
        self.clients.itemSelectionChanged.connect(self._settle)
        self.refresh = PeriodicRefresh(self, self.load)
        self._settle()

    def _line(self, caption: str, widget: QWidget) -> None:
        typed = isinstance(widget, QLineEdit | QSpinBox)
        words = label(caption, "" if typed else "muted")
        words.setMinimumWidth(CAPTION)
        if typed:
            words.setFixedHeight(LINE)
        words.setBuddy(widget)
        widget.setAccessibleName(caption)
        self._form.addRow(words, widget)

    def load(self) -> None:
        """Ask how it is."""
        self._context.session.control(
            lambda client: client.tls(), self.show_report, self._context.banners.error, owner=self
        )

    def show_report(self, report: TlsReport) -> None:
        """Show how it is. What the user has begun to change in the fields stays."""
        before, self._report = self._report, report
        if before is None or _place(before) != _place(report):
            self.address.setText(report.address)
            self.port.setValue(report.port)
            self.hosts.setText(" ".join(report.hosts))
        self.state.setText(_state(report))
        self.url.setText(report.url)
        self.names.setText(", ".join(report.names) or "…")
        until = (
            tr(", until {day}", day=_day(report.authority_expires)) if report.authority_expires is not None else ""
        )
        self.authority.setText(f"SHA-256 {_spaced(report.authority)}{until}")
        for told in (self.url, self.names, self.authority):
            self._form.setRowVisible(told, report.enabled)
        if before is None or before.clients != report.clients:
            self._show_clients(report.clients)
        self._settle()

    def _show_clients(self, clients: tuple[TlsClientReport, ...]) -> None:
        chosen = self._chosen
        self.clients.clear()
        for one in clients:
            texts = (
                one.name,
                tr(STATES.get(one.state, one.state)),
                _day(one.issued),
                _day(one.expires),
                _day(one.revoked) if one.revoked is not None else "",
                str(one.connections),
            )
            item = QTreeWidgetItem(list(texts))
            item.setToolTip(0, f"SHA-256 {_spaced(one.fingerprint)}")
            item.setData(0, Qt.ItemDataRole.UserRole, one.fingerprint)
            self.clients.addTopLevelItem(item)
            if chosen is None or one.fingerprint == chosen.fingerprint:
                self.clients.setCurrentItem(item)
                chosen = chosen or one
        self.clients.setVisible(bool(clients))
        self.nothing.setVisible(not clients)

    @property
    def _chosen(self) -> TlsClientReport | None:
        keys = [item.data(0, Qt.ItemDataRole.UserRole) for item in self.clients.selectedItems()]
        known = self._report.clients if self._report is not None else ()
        return next((one for one in known if keys and one.fingerprint == keys[0]), None)

    def _settle(self) -> None:
        """What can be done now."""
        report, address = self._report, self.address.text().strip()
        enabled = report is not None and report.enabled
        self.warning.setText(tr(REACHABLE, address=address))
        self._form.setRowVisible(self.warning, not is_loopback(address))
        self.enable.setText(tr("Apply") if enabled else tr("Turn on"))
        self.enable.setAccessibleName(self.enable.text())
        fresh = report is not None and _place(report) != (address, self.port.value(), self._hosts)
        self.enable.setEnabled(report is not None and bool(address) and (fresh or not enabled))
        self.disable.setEnabled(enabled)
        self.add.setEnabled(enabled)
        self.add.setToolTip("" if enabled else tr("Turn TLS on first."))
        self.revoke.setEnabled(self._chosen is not None and self._chosen.revoked is None)

    @property
    def _hosts(self) -> tuple[str, ...]:
        return tuple(self.hosts.text().replace(",", " ").split())

    def _enable(self) -> None:
        address, port, hosts = self.address.text().strip(), self.port.value(), self._hosts

        def work() -> None:
            self._do(lambda client: client.enable_tls(address, port, hosts))

        if is_loopback(address):
            work()
            return
        text = tr(REACHABLE, address=address)
        Question(self, tr("Let other computers connect?"), text, self.enable.text()).then(lambda _: work())

    def _disable(self) -> None:
        self._do(lambda client: client.disable_tls(False))

    def _revoke(self) -> None:
        one = self._chosen
        if one is None or one.revoked is not None:
            return
        name = one.name
        text = tr("It is let in no more, and its open connections end at once. This cannot be undone.")
        Question(self, tr("Revoke the client “{name}”?", name=name), text, tr("Revoke")).then(
            lambda _: self._do(lambda client: client.revoke_tls_client(name))
        )

    def _do(self, call: Callable[[ControlClient], Coroutine[Any, Any, Note]]) -> None:
        self._context.note(call, self.load, owner=self)

    def _add(self) -> None:
        clients = self._report.clients if self._report is not None else ()
        form = NewClientForm(self, {one.name for one in clients if one.state == "valid"})
        form.accepted.connect(lambda: self._make(form.wanted()))
        form.open()

    def _make(self, wanted: NewClient) -> None:
        def done(command: str) -> None:
            ContextDialog(self, wanted, command).open()
            self.load()

        banners = self._context.banners
        self._context.session.control(lambda client: make_client(client, wanted), done, banners.error, owner=self)


def _place(report: TlsReport) -> tuple[str, int, tuple[str, ...]]:
    return report.address, report.port, report.hosts


def _state(report: TlsReport) -> str:
    if not report.enabled:
        return tr("off")
    if not report.listening:
        return tr("on, but not listening: {why}", why=report.failure or tr("starting"))
    return tr("on, for this computer only") if report.loopback else tr("on, other computers can connect")


def _spaced(fingerprint: str) -> str:
    """In groups, which wrap and can be compared."""
    return " ".join(fingerprint[place : place + 8] for place in range(0, len(fingerprint), 8))


def _day(seconds: float) -> str:
    return time.strftime("%Y-%m-%d", time.localtime(seconds))
