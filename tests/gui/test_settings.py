"""The settings: refused in place, applied together, with a restart where one is needed; context, reset, bundle."""

from __future__ import annotations

import json
import os
import zipfile
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QDialogButtonBox, QFileDialog, QLabel, QLineEdit, QPushButton
from pytestqt.qtbot import QtBot

from desktop.control.schema import FolderReport, ResetLevel, RunState
from desktop.ui.pages.settings import SettingsPage
from desktop.ui.pages.settings.bundle import BundleDialog
from desktop.ui.pages.settings.folder_states import FolderStates
from desktop.ui.pages.settings.form import FormTab
from desktop.ui.widgets.dialogs import Question
from desktop.ui.window import Window
from tests.gui.drive import agree, strike, told, top
from tests.gui.stage import until


@pytest.fixture
def page(shown: Window) -> SettingsPage:
    shown.show_place("settings")
    found = shown.pages["settings"]
    assert isinstance(found, SettingsPage)
    until(lambda: found.report is not None, "the settings")
    return found


def show(page: SettingsPage, name: str) -> None:
    page.show_subject(name)
    until(lambda: getattr(page, name).isVisible())


def click(button: QPushButton) -> None:
    assert button.isEnabled(), button.text()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)


def type_into(field: QLineEdit, text: str) -> None:
    field.setFocus()
    field.clear()
    QTest.keyClicks(field, text)


def cancel(dialog: Question | BundleDialog) -> None:
    click(dialog.buttons.button(QDialogButtonBox.StandardButton.Cancel))


def stored(page: SettingsPage, name: str) -> object:
    assert page.report is not None
    return page.report.stored[name]


def is_stored(page: SettingsPage, name: str, value: object) -> bool:
    return stored(page, name) == value


def file(name: str = "settings.json") -> dict[str, object]:
    values: dict[str, object] = json.loads((Path(os.environ["SLIPWAY_HOME"]) / name).read_text("utf-8"))
    return values


class TestForms:
    def test_an_empty_field_shows_what_is_chosen_here(self, page: SettingsPage) -> None:
        assert page.report is not None
        assert page.resources.cpus.text() == ""
        assert page.resources.cpus.placeholderText() == f"Automatic: {page.report.used['cpus']}"
        assert str(page.report.host_cpus) in page.resources.cpu_note.text()

    @pytest.mark.parametrize(
        ("name", "text", "why"),
        [
            ("cpus", "9999", "cannot be 9999"),
            ("cpus", "250", "your computer has"),
            ("cpus", "two", "whole number"),
            ("memory_mib", "100", "Choose 768"),
            ("disk_gib", "0", "Choose 1 to"),
        ],
    )
    def test_what_is_impossible_is_refused_while_typing(
        self, page: SettingsPage, name: str, text: str, why: str
    ) -> None:
        tab = page.resources
        field = tab.fields[name]
        assert isinstance(field.widget, QLineEdit)
        assert not tab.apply.isEnabled()
        type_into(field.widget, text)
        assert why in field.reason.text()
        assert not field.reason.isHidden()
        assert field.widget.property("invalid")
        assert field.widget.accessibleDescription() == field.reason.text()
        assert not tab.apply.isEnabled()
        click(tab.discard_button)
        assert field.reason.isHidden()
        assert not tab.discard_button.isEnabled()

    def test_applying_restarts_the_machine_when_that_is_needed(self, page: SettingsPage, shown: Window) -> None:
        show(page, "resources")
        began = shown.session.status
        assert began is not None
        assert began.machine is not None
        type_into(page.resources.cpus, "1")
        assert page.resources.apply.text() == "Apply and restart"
        assert "stops its containers" in page.resources.note.text()
        QTest.keyClick(page.resources.cpus, Qt.Key.Key_Return)
        until(lambda: told(shown) == ["The settings are applied; the machine restarts"])
        until(lambda: shown.session.status is not None and shown.session.status.state is not RunState.RUNNING)
        until(lambda: shown.session.running)
        assert stored(page, "cpus") == 1
        assert not page.resources.apply.isEnabled()

    def test_or_at_the_next_start(self, page: SettingsPage, shown: Window) -> None:
        show(page, "resources")
        type_into(page.resources.memory, "1024")
        click(page.resources.later)
        until(lambda: any("next start of the machine" in text for text in told(shown)))
        until(lambda: stored(page, "memory_mib") == 1024)
        assert shown.session.running

    def test_what_was_typed_survives_a_look_elsewhere(self, page: SettingsPage, shown: Window) -> None:
        type_into(page.resources.cpus, "1")
        shown.show_place("images")
        shown.show_place("settings")
        seen = page.report
        until(lambda: page.report is not seen)
        assert page.resources.cpus.text() == "1"
        assert page.resources.apply.isEnabled()

    def test_several_changes_are_applied_together_or_not_at_all(self, page: SettingsPage) -> None:
        show(page, "resources")
        type_into(page.resources.cpus, "1")
        page.resources.accelerator.setCurrentIndex(page.resources.accelerator.findData("tcg"))
        click(page.resources.later)
        until(lambda: stored(page, "accelerator") == "tcg")
        assert file() == {"schema": 1, "cpus": 1, "accelerator": "tcg"}

    def test_nothing_to_apply_on_a_tab_that_has_not_changed(self, page: SettingsPage) -> None:
        for tab in page.forms:
            assert isinstance(tab, FormTab)
            assert not tab.apply.isEnabled()
            assert tab.changes() == {}


class TestFolders:
    def test_the_home_folder_is_shared_until_it_is_switched_off(self, page: SettingsPage) -> None:
        show(page, "folders")
        assert page.folders.home.isChecked()
        page.folders.home.click()
        assert page.folders.apply.text() == "Apply"  # the machine need not restart
        click(page.folders.apply)
        until(partial(is_stored, page, "share_home", False))

    def test_adding_by_the_picker_and_removing_by_the_keyboard(
        self, page: SettingsPage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        show(page, "folders")
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: str(tmp_path))
        assert not page.folders.remove_button.isEnabled()
        click(page.folders.add_button)
        assert page.folders.folders == [str(tmp_path)]
        click(page.folders.apply)
        until(partial(is_stored, page, "shared_folders", [str(tmp_path)]))
        page.folders.list.setCurrentRow(0)
        for elsewhere in (page.folders.home, page.folders.add_button, page.folders.remove_button):
            strike(elsewhere, Qt.Key.Key_Delete)
            assert page.folders.folders == [str(tmp_path)], elsewhere.accessibleName()
        strike(page.folders.list, Qt.Key.Key_Delete)
        assert page.folders.folders == []
        click(page.folders.apply)
        until(partial(is_stored, page, "shared_folders", []))

    def test_how_each_folder_is_mounted_is_shown(self, page: SettingsPage, tmp_path: Path) -> None:
        show(page, "folders")
        states = page.folders.states

        def shown() -> list[str]:
            return [words.text() for words in states.findChildren(QLabel) if words.isVisible()]

        until(lambda: "Mounted, by virtiofs." in shown())
        assert str(Path.home()) in shown()
        assert not states.nothing.isVisible()
        page.folders.add(str(tmp_path))
        click(page.folders.apply)
        until(lambda: any(text.startswith("Mounted, by SFTP. Not by virtiofs") for text in shown()))

    def test_a_folder_that_is_not_mounted_says_why(self, page: SettingsPage, qtbot: QtBot) -> None:
        states = FolderStates(page.context)  # never visible, so that nothing else is asked for
        qtbot.addWidget(states)
        states.show_report([FolderReport("/a", "/a", "the folder is not there", unwatched="/a/b: no room")])
        said = [words.text() for words in states.findChildren(QLabel)]
        assert said[-3:] == ["/a", "the folder is not there", "Containers miss changes in /a/b: no room"]
        assert states.nothing.isHidden()

    def test_a_picker_that_is_left_changes_nothing(
        self, page: SettingsPage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        show(page, "folders")
        monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_: "")
        click(page.folders.add_button)
        assert page.folders.folders == []
        assert not page.folders.apply.isEnabled()

    def test_what_cannot_be_shared_is_refused_in_its_place(self, page: SettingsPage, tmp_path: Path) -> None:
        show(page, "folders")
        page.folders.add("/etc")
        assert "it is a system folder" in page.folders.fields["shared_folders"].reason.text()
        assert not page.folders.apply.isEnabled()
        click(page.folders.remove_button)
        page.folders.add(str(tmp_path / "gone"))  # its name is fine; that it is not there, the supervisor tells
        click(page.folders.apply)
        until(lambda: "does not exist" in page.folders.note.text())
        assert stored(page, "shared_folders") == []


class TestBehaviour:
    def test_start_at_login_makes_and_removes_an_entry(self, page: SettingsPage) -> None:
        show(page, "behaviour")
        entries = Path(os.environ["XDG_CONFIG_HOME"]) / "autostart"
        for wanted in (True, False):
            page.behaviour.login.click()
            click(page.behaviour.apply)
            until(partial(is_stored, page, "start_at_login", wanted))
            found = [entry.read_text("utf-8") for entry in entries.glob("*.desktop")]
            assert len(found) == wanted
            assert not wanted or "open --background" in found[0]

    def test_closing(self, page: SettingsPage) -> None:
        show(page, "behaviour")
        page.behaviour.closing.setCurrentIndex(page.behaviour.closing.findData("stop"))
        assert page.behaviour.apply.text() == "Apply"  # the machine need not restart
        click(page.behaviour.apply)
        until(lambda: stored(page, "on_close") == "stop")

    def test_the_menu(self, page: SettingsPage, shown: Window) -> None:
        show(page, "behaviour")
        entries = Path(os.environ["XDG_DATA_HOME"]) / "applications"
        click(page.behaviour.menu_add)
        until(lambda: any("among the applications (" in text for text in told(shown)))
        assert len(list(entries.glob("*.desktop"))) == 1
        click(page.behaviour.menu_remove)
        until(lambda: any("any more" in text for text in told(shown)))
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
        page.engine.daemon.setPlainText(text)
        assert why in page.engine.fields["daemon"].reason.text()
        assert not page.engine.apply.isEnabled()

    def test_fields_and_text_follow_each_other(self, page: SettingsPage) -> None:
        show(page, "engine")
        page.engine.daemon.setPlainText('{"debug": true, "insecure-registries": ["a:5000"]}')
        line = page.engine.lists["insecure-registries"]
        assert line.text() == "a:5000"
        type_into(line, "localhost:5000, registry:5000")
        value = json.loads(page.engine.daemon.toPlainText())
        assert value == {"debug": True, "insecure-registries": ["localhost:5000", "registry:5000"]}
        click(page.engine.later)
        until(lambda: stored(page, "daemon") == value)

    def test_a_wrong_registry_is_refused_where_it_was_typed(self, page: SettingsPage) -> None:
        show(page, "engine")
        type_into(page.engine.lists["insecure-registries"], "http://registry:5000")
        assert "without http://" in page.engine.fields["insecure-registries"].reason.text()
        assert not page.engine.apply.isEnabled()

    def test_another_tabs_proxy_is_not_undone(self, page: SettingsPage) -> None:
        show(page, "engine")
        page.engine.daemon.setPlainText('{"debug": true}')
        show(page, "proxy")
        type_into(page.proxy.lines["http-proxy"], "http://proxy:3128")
        click(page.proxy.later)
        until(lambda: stored(page, "daemon") == {"proxies": {"http-proxy": "http://proxy:3128"}})
        show(page, "engine")
        click(page.engine.later)
        until(lambda: stored(page, "daemon") == {"debug": True, "proxies": {"http-proxy": "http://proxy:3128"}})


class TestPorts:
    def test_they_are_kept_to_this_computer_at_once(self, page: SettingsPage) -> None:
        show(page, "proxy")
        assert not page.proxy.local.isChecked()
        page.proxy.local.click()
        assert not page.proxy.later.isVisible()  # no restart
        click(page.proxy.apply)
        until(lambda: stored(page, "ports_local") is True)


class TestProxy:
    def test_this_computers_own_can_be_left_alone(self, page: SettingsPage) -> None:
        show(page, "proxy")
        assert page.proxy.follow.isChecked()
        page.proxy.follow.click()
        click(page.proxy.later)
        until(lambda: stored(page, "host_proxy") is False)

    @pytest.mark.parametrize(
        ("text", "why"),
        [("proxy:3128", "http://"), ("http://", "no host"), ("http://proxy:99999", "port"), ("ftp://x", "ftp://")],
    )
    def test_what_is_no_proxy_is_refused(self, page: SettingsPage, text: str, why: str) -> None:
        type_into(page.proxy.lines["https-proxy"], text)
        assert why in page.proxy.fields["https-proxy"].reason.text()
        assert page.proxy.fields["http-proxy"].reason.text() == ""
        assert not page.proxy.apply.isEnabled()

    def test_all_three_are_one_setting(self, page: SettingsPage) -> None:
        show(page, "proxy")
        type_into(page.proxy.lines["http-proxy"], "http://proxy:3128")
        type_into(page.proxy.lines["no-proxy"], "localhost,.corp")
        click(page.proxy.later)
        wanted = {"proxies": {"http-proxy": "http://proxy:3128", "no-proxy": "localhost,.corp"}}
        until(lambda: stored(page, "daemon") == wanted)
        for key in ("http-proxy", "no-proxy"):
            page.proxy.lines[key].clear()
        click(page.proxy.later)
        until(lambda: stored(page, "daemon") == {})


def test_the_docker_context(page: SettingsPage) -> None:
    show(page, "docker")
    until(lambda: page.docker.current.text().startswith("default"))
    assert page.docker.answer.text() == "no"
    assert not page.docker.restore.isEnabled()
    click(page.docker.use)
    until(lambda: page.docker.current.text().startswith("slipway"))
    assert "Slipway's" in page.docker.engine.text()
    click(page.docker.restore)
    until(lambda: page.docker.current.text().startswith("default"))


class TestDiagnosis:
    def test_it_names_what_to_mend(self, page: SettingsPage) -> None:
        page.diagnosis.check()
        until(lambda: "checks" in page.diagnosis.note.text(), seconds=60)
        assert page.diagnosis.results.count() >= 10

    def test_a_bundle_is_shown_before_it_is_saved(self, page: SettingsPage, shown: Window, tmp_path: Path) -> None:
        show(page, "proxy")
        type_into(page.proxy.lines["http-proxy"], "http://me:hunter2@proxy:3128")
        click(page.proxy.later)
        until(lambda: stored(page, "daemon"))
        show(page, "diagnosis")
        click(page.diagnosis.collect)
        dialog = top(BundleDialog)
        names = [file.name for file in dialog.files]
        assert {"about.txt", "diagnosis.txt", "settings.json", "logs/supervisor.log"} <= set(names)
        dialog.list.setCurrentRow(names.index("settings.json"))
        assert "[redacted]@proxy:3128" in dialog.text.toPlainText()
        assert "hunter2" not in "".join(file.text for file in dialog.files)
        path = tmp_path / "bundle.zip"
        dialog.save(path)
        until(lambda: f"The support bundle is in {path}" in told(shown))
        with zipfile.ZipFile(path) as archive:
            assert archive.namelist() == [f"slipway/{name}" for name in names]

    def test_a_bundle_that_is_not_wanted(self, page: SettingsPage) -> None:
        show(page, "diagnosis")
        click(page.diagnosis.collect)
        dialog = top(BundleDialog)
        cancel(dialog)
        assert not dialog.isVisible()


class TestReset:
    def test_each_level_says_what_it_takes_away(self, page: SettingsPage) -> None:
        show(page, "reset")
        for level, words in ((ResetLevel.DATA, "keep the settings"), (ResetLevel.ALL, "system images")):
            click(page.reset.buttons[level])
            question = top(Question)
            assert any(words in part.text() for part in question.findChildren(QLabel)), level
            cancel(question)
            until(question.isHidden)

    def test_the_settings_only(self, page: SettingsPage, shown: Window) -> None:
        show(page, "behaviour")
        page.behaviour.login.click()
        click(page.behaviour.apply)
        until(lambda: stored(page, "start_at_login") is True)
        show(page, "reset")
        click(page.reset.buttons[ResetLevel.SETTINGS])
        agree()
        until(lambda: stored(page, "start_at_login") is False)
        assert not list((Path(os.environ["XDG_CONFIG_HOME"]) / "autostart").glob("*"))
        assert shown.session.running

    def test_everything(self, page: SettingsPage, shown: Window) -> None:
        show(page, "behaviour")
        click(page.behaviour.menu_add)
        until(lambda: told(shown))
        show(page, "reset")
        click(page.reset.buttons[ResetLevel.ALL])
        agree()
        until(lambda: any("reset" in text for text in told(shown)))
        assert shown.session.status is not None
        until(lambda: shown.session.status is not None and shown.session.status.state is RunState.STOPPED)
        assert not list((Path(os.environ["XDG_DATA_HOME"]) / "applications").glob("*"))


def test_what_the_supervisor_refuses_is_told_beside_the_buttons(page: SettingsPage) -> None:
    """As dockerd may, or a disk that cannot shrink."""
    show(page, "resources")
    tab = page.resources
    (Path(os.environ["SLIPWAY_HOME"]) / "machine" / "data.qcow2").write_bytes(b"")
    type_into(tab.disk, "32")
    click(tab.apply)
    until(lambda: "cannot shrink" in tab.note.text())
    assert tab.note.objectName() == "reason"
    assert not tab.apply.isEnabled()
    type_into(tab.disk, "65")
    assert tab.note.text() == ""
    assert tab.apply.isEnabled()
