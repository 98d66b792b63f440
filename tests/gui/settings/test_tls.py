"""The tab for clients on other computers, on a real listener: on and off, a client, its folder, its end."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from desktop.control.tls_files import context_command
from desktop.ui.pages.settings import SettingsPage
from desktop.ui.pages.settings.tls import TlsTab
from desktop.ui.pages.settings.tls_client import ContextDialog, NewClientForm
from desktop.ui.widgets.dialogs import Question
from desktop.ui.window import Window
from tests.gui.drive import agree, fill, messages, press, refusal, strike, top
from tests.gui.settings.steps import click, show
from tests.gui.stage import until
from tests.gui.test_accessible import check, nameless
from tests.localhost import free_port
from vm.host import host


@pytest.fixture
def tab(page: SettingsPage) -> TlsTab:
    show(page, "tls")
    until(lambda: page.tls.state.text() == "off")
    page.tls.port.setValue(free_port())
    return page.tls


def turn_on(tab: TlsTab) -> None:
    click(tab.enable)
    until(lambda: tab.state.text() == "on, for this computer only")


def rows(tab: TlsTab) -> list[list[str]]:
    found = [tab.clients.topLevelItem(place) for place in range(tab.clients.topLevelItemCount())]
    return [[item.text(column) for column in (0, 1)] for item in found if item is not None]


def make(tab: TlsTab, folder: Path, name: str = "laptop") -> ContextDialog:
    click(tab.add)
    form = top(NewClientForm)
    assert nameless(form) == []
    fill(form, name=name, folder=str(folder))
    press(form, "Make")
    made = top(ContextDialog)
    assert nameless(made) == []
    return made


def test_it_is_off_until_it_is_turned_on(tab: TlsTab, shown: Window) -> None:
    assert not tab.disable.isEnabled()
    assert not tab.add.isEnabled()
    assert tab.address.text() == "127.0.0.1"
    assert tab.warning.isHidden()
    turn_on(tab)
    assert tab.url.text() == f"tcp://127.0.0.1:{tab.port.value()}"
    assert "localhost" in tab.names.text()
    assert tab.authority.text().startswith("SHA-256 ")
    assert tab.enable.text() == "Apply"
    assert not tab.enable.isEnabled()
    check(shown)
    click(tab.disable)
    until(lambda: tab.state.text() == "off")
    assert tab.url.isHidden()


def test_other_addresses_are_confirmed(tab: TlsTab) -> None:
    tab.address.setText("0.0.0.0")
    assert "other computers can connect" in tab.warning.text()
    assert tab.warning.isVisible()
    click(tab.enable)
    top(Question).reject()
    until(lambda: QApplication.activeModalWidget() is None)
    assert tab.state.text() == "off"
    click(tab.enable)
    agree()
    until(lambda: tab.state.text() == "on, other computers can connect")


def test_what_is_no_address_is_told(tab: TlsTab, shown: Window) -> None:
    tab.address.setText("nowhere")
    click(tab.enable)
    until(lambda: messages(shown) == ["“nowhere” is not an IP address"])
    assert tab.state.text() == "off"


def test_names_go_into_the_certificate(tab: TlsTab) -> None:
    turn_on(tab)
    QTest.keyClicks(tab.hosts, "build.example.com, b")
    assert tab.enable.isEnabled()
    tab.load()
    click(tab.enable)
    until(lambda: tab.url.text().startswith("tcp://build.example.com:"))
    assert "build.example.com, b" in tab.names.text()
    assert tab.hosts.text() == "build.example.com b"


def test_a_client_is_made_and_revoked(tab: TlsTab, shown: Window, tmp_path: Path) -> None:
    turn_on(tab)
    folder = tmp_path / "for laptop"
    dialog = make(tab, folder)
    assert dialog.command.toPlainText() == context_command("laptop", folder, tab.url.text())
    click(dialog.copy)
    assert QGuiApplication.clipboard().text() == dialog.command.toPlainText()
    press(dialog, "Close")
    trusting = ssl.create_default_context(cafile=str(folder / "ca.pem"))
    trusting.load_cert_chain(folder / "cert.pem", folder / "key.pem")
    assert all(host().is_private(path) for path in (folder, *folder.iterdir()))
    until(lambda: rows(tab) == [["laptop", "valid"]])
    assert tab.revoke.isEnabled()  # the first one is chosen
    until(lambda: QApplication.activeModalWidget() is None)
    shown.activateWindow()
    strike(tab.clients, Qt.Key.Key_Delete)
    agree()
    until(lambda: rows(tab) == [["laptop", "revoked"]])
    assert not tab.revoke.isEnabled()


def test_what_cannot_be_made_is_refused_in_place(tab: TlsTab, tmp_path: Path) -> None:
    turn_on(tab)
    press(make(tab, tmp_path / "one"), "Close")
    until(lambda: rows(tab) == [["laptop", "valid"]])
    click(tab.add)
    form = top(NewClientForm)
    fill(form, name="laptop", folder=str(tmp_path / "one"))
    press(form, "Make")
    assert form.isVisible()
    assert "There is a client of this name" in refusal(form, "name")
    assert "exists already" in refusal(form, "folder")
    fill(form, name="other")
    form.folder.clear()
    press(form, "Make")
    assert form.isVisible()
    form.close()


def test_a_folder_is_proposed_until_another_is_chosen(tab: TlsTab, tmp_path: Path) -> None:
    turn_on(tab)
    click(tab.add)
    form = top(NewClientForm)
    fill(form, name="desk")
    assert form.wanted().folder == Path.home() / "slipway-tls-desk"
    fill(form, folder=str(tmp_path))
    fill(form, name="desktop")
    assert form.wanted().folder == tmp_path
    form.close()
