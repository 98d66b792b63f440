"""The tabs of the form: folders, behaviour, engine, network."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QLabel
from pytestqt.qtbot import QtBot

from desktop.control.schema import FolderReport, Note
from desktop.ui.pages.settings import SettingsPage
from desktop.ui.pages.settings.folder_states import FolderStates
from desktop.ui.window import Window
from tests.gui.drive import messages, strike
from tests.gui.settings.steps import (
    box,
    choose,
    click,
    folders_of,
    is_stored,
    line,
    show,
    stored,
    text_of,
    type_into,
)
from tests.gui.stage import until


class TestFolders:
    def test_the_home_folder_is_shared_until_it_is_switched_off(self, page: SettingsPage) -> None:
        show(page, "folders")
        assert box(page.folders, "share_home").isChecked()
        box(page.folders, "share_home").click()
        assert page.bar.apply.text() == "Apply"  # the machine need not restart
        click(page.bar.apply)
        until(partial(is_stored, page, "share_home", False))

    def test_adding_by_the_picker_and_removing_by_the_keyboard(
        self, page: SettingsPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        show(page, "folders")
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
        assert not folders_of(page).remove_button.isEnabled()
        click(folders_of(page).add_button)
        assert folders_of(page).value() == [str(tmp_path)]
        click(page.bar.apply)
        until(partial(is_stored, page, "shared_folders", [str(tmp_path)]))
        folders_of(page).widget.setCurrentRow(0)
        for elsewhere in (
            box(page.folders, "share_home"),
            folders_of(page).add_button,
            folders_of(page).remove_button,
        ):
            strike(elsewhere, Qt.Key.Key_Delete)
            assert folders_of(page).value() == [str(tmp_path)], elsewhere.accessibleName()
        strike(folders_of(page).widget, Qt.Key.Key_Delete)
        assert folders_of(page).value() == []
        click(page.bar.apply)
        until(partial(is_stored, page, "shared_folders", []))

    def test_how_each_folder_is_mounted_is_shown(self, page: SettingsPage, tmp_path: Path) -> None:
        show(page, "folders")
        states = page.folders.states

        def shown() -> list[str]:
            return [words.text() for words in states.findChildren(QLabel) if words.isVisible()]

        until(lambda: "Mounted by virtiofs." in shown())
        assert str(Path.home()) in shown()
        assert not states.nothing.isVisible()
        folders_of(page).add(str(tmp_path))
        click(page.bar.apply)
        until(lambda: any(text.startswith("Mounted by SFTP. virtiofs would be faster: ") for text in shown()))

    def test_a_folder_that_is_not_mounted_says_why(self, shown: Window, qtbot: QtBot) -> None:
        states = FolderStates(shown.context)  # never visible, so that nothing else is asked for
        qtbot.addWidget(states)
        states.show_report([FolderReport("/a", "/a", "the folder is not there", unwatched="/a/b: no room")])
        said = [words.text() for words in states.findChildren(QLabel)]
        assert said[-3:] == [
            "/a",
            "the folder is not there",
            "Containers are not notified of changes in /a/b: no room",
        ]
        assert states.nothing.isHidden()

    def test_a_picker_that_is_left_changes_nothing(
        self, page: SettingsPage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        show(page, "folders")
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
        click(folders_of(page).add_button)
        assert folders_of(page).value() == []
        assert not page.bar.apply.isEnabled()

    def test_what_cannot_be_shared_is_refused_in_its_place(self, page: SettingsPage, tmp_path: Path) -> None:
        show(page, "folders")
        folders_of(page).add("/etc")
        assert "it is a system folder" in folders_of(page).reason.text()
        assert not page.bar.apply.isEnabled()
        click(folders_of(page).remove_button)
        folders_of(page).add(
            str(tmp_path / "gone")
        )  # the name is valid; the supervisor finds that the folder does not exist
        click(page.bar.apply)
        until(lambda: "does not exist" in page.bar.note.text())
        assert stored(page, "shared_folders") == []


class TestBehaviour:
    def test_start_at_login_makes_and_removes_an_entry(self, page: SettingsPage) -> None:
        show(page, "behaviour")
        entries = Path(os.environ["XDG_CONFIG_HOME"]) / "autostart"
        for wanted in (True, False):
            box(page.behaviour, "start_at_login").click()
            click(page.bar.apply)
            until(partial(is_stored, page, "start_at_login", wanted))
            found = [entry.read_text("utf-8") for entry in entries.glob("*.desktop")]
            assert len(found) == wanted
            assert not wanted or "open --background" in found[0]

    def test_closing(self, page: SettingsPage) -> None:
        show(page, "behaviour")
        choose(page.behaviour, "on_close", "stop")
        assert page.bar.apply.text() == "Apply"  # the machine need not restart
        click(page.bar.apply)
        until(lambda: stored(page, "on_close") == "stop")

    def test_the_menu(self, page: SettingsPage, shown: Window) -> None:
        show(page, "behaviour")
        entries = Path(os.environ["XDG_DATA_HOME"]) / "applications"
        click(page.behaviour.menu_add)
        until(lambda: any("in the applications menu (" in text for text in messages(shown)))
        assert len(list(entries.glob("*.desktop"))) == 1
        click(page.behaviour.menu_remove)
        until(lambda: any("was removed" in text for text in messages(shown)))
        assert list(entries.glob("*.desktop")) == []


class TestEngine:
    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("{", "not JSON"),
            ("[]", "object"),
            ('{"data-root": "/x"}', "not yours"),
            ('{"registry-mirror": []}', "Did you mean “registry-mirrors”?"),
            ('{"debug": "yes"}', "true or false"),
            ('{"dns": ["1.1.1.1", 8]}', "a list of strings"),
            ('{"registry-mirrors": ["mirror"]}', "not a URL"),
            ('{"log-level": "loud"}', "debug, info"),
        ],
    )
    def test_daemon_json_is_checked_before_it_is_applied(self, page: SettingsPage, text: str, why: str) -> None:
        text_of(page).setPlainText(text)
        assert why in page.engine.editors["daemon"].reason.text()
        assert not page.bar.apply.isEnabled()

    def test_fields_and_text_follow_each_other(self, page: SettingsPage) -> None:
        show(page, "engine")
        text_of(page).setPlainText('{"debug": true, "insecure-registries": ["a:5000"]}')
        field = line(page, "daemon.insecure-registries")
        assert field.text() == "a:5000"
        type_into(field, "localhost:5000, registry:5000")
        value = json.loads(text_of(page).toPlainText())
        assert value == {"debug": True, "insecure-registries": ["localhost:5000", "registry:5000"]}
        assert page.bar.apply.text() == "Apply"  # dockerd takes both while it runs
        assert not page.bar.later.isVisible()
        click(page.bar.apply)
        until(lambda: stored(page, "daemon") == value)

    def test_a_wrong_registry_is_refused_where_it_was_typed(self, page: SettingsPage) -> None:
        show(page, "engine")
        type_into(line(page, "daemon.insecure-registries"), "http://registry:5000")
        assert "without http://" in page.engine.editors["daemon.insecure-registries"].reason.text()
        assert not page.bar.apply.isEnabled()

    def test_another_tabs_fields_edit_the_same_text(self, page: SettingsPage) -> None:
        show(page, "proxy")
        type_into(line(page, "daemon.proxies.http-proxy"), "http://proxy:3128")
        show(page, "engine")
        assert json.loads(text_of(page).toPlainText()) == {"proxies": {"http-proxy": "http://proxy:3128"}}
        text_of(page).setPlainText('{"debug": true, "proxies": {"http-proxy": "http://other:3128"}}')
        assert line(page, "daemon.proxies.http-proxy").text() == "http://other:3128"
        text_of(page).setPlainText("{")
        assert not line(page, "daemon.proxies.http-proxy").isEnabled()
        assert "is not JSON" in page.engine.editors["daemon"].reason.text()

    def test_what_the_command_line_sets_meanwhile_is_not_undone(self, page: SettingsPage, shown: Window) -> None:
        show(page, "engine")
        text_of(page).setPlainText('{"debug": true}')
        done: list[Note] = []
        shown.session.control(lambda client: client.set_settings({"daemon.mtu": "1400"}), done.append)
        until(lambda: done)
        click(page.bar.apply)
        until(lambda: stored(page, "daemon") == {"debug": True, "mtu": 1400})
        assert json.loads(text_of(page).toPlainText()) == {"debug": True, "mtu": 1400}


class TestPorts:
    def test_they_are_kept_to_this_computer_at_once(self, page: SettingsPage) -> None:
        show(page, "proxy")
        assert not box(page.proxy, "ports_local").isChecked()
        box(page.proxy, "ports_local").click()
        assert not page.bar.later.isVisible()  # no restart
        click(page.bar.apply)
        until(lambda: stored(page, "ports_local") is True)


class TestProxy:
    def test_this_computers_own_can_be_left_alone(self, page: SettingsPage) -> None:
        show(page, "proxy")
        assert box(page.proxy, "host_proxy").isChecked()
        box(page.proxy, "host_proxy").click()
        click(page.bar.later)
        until(lambda: stored(page, "host_proxy") is False)

    @pytest.mark.parametrize(
        ("text", "why"),
        [("proxy:3128", "http://"), ("http://", "no host"), ("http://proxy:99999", "port"), ("ftp://x", "ftp://")],
    )
    def test_what_is_no_proxy_is_refused(self, page: SettingsPage, text: str, why: str) -> None:
        type_into(line(page, "daemon.proxies.https-proxy"), text)
        assert why in page.proxy.editors["daemon.proxies.https-proxy"].reason.text()
        assert page.proxy.editors["daemon.proxies.http-proxy"].reason.text() == ""
        assert not page.bar.apply.isEnabled()

    def test_all_three_are_one_setting(self, page: SettingsPage) -> None:
        show(page, "proxy")
        type_into(line(page, "daemon.proxies.http-proxy"), "http://proxy:3128")
        type_into(line(page, "daemon.proxies.no-proxy"), "localhost,.corp")
        click(page.bar.later)
        wanted = {"proxies": {"http-proxy": "http://proxy:3128", "no-proxy": "localhost,.corp"}}
        until(lambda: stored(page, "daemon") == wanted)
        for key in ("http-proxy", "no-proxy"):
            line(page, f"daemon.proxies.{key}").clear()
        click(page.bar.later)
        until(lambda: stored(page, "daemon") == {})
