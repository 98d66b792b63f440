"""The form: refused in place, applied together, with a restart where one is needed; made from the schema."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLabel, QLineEdit, QWidget
from pytestqt.qtbot import QtBot

from desktop.settings import schema
from desktop.settings.fields import Section, setting
from desktop.settings.schema import MACHINE, Settings, fields
from desktop.ui.pages.settings import SettingsPage
from desktop.ui.pages.settings.form import SettingsForm
from desktop.ui.window import Window
from tests.gui.drive import messages
from tests.gui.settings.steps import (
    box,
    choose,
    click,
    file,
    folders_of,
    in_focus_order,
    is_stored,
    line,
    show,
    stored,
    top_of,
    type_into,
)
from tests.gui.stage import until
from vm.host.windows import WindowsHost


@pytest.fixture
def on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """The form is made as there; the supervisor's settings stay this host's."""
    monkeypatch.setattr(schema, "host", partial(WindowsHost, version=dict))


class TestForms:
    def test_an_empty_field_shows_what_is_chosen_here(self, page: SettingsPage) -> None:
        cpus = page.resources.editors["cpus"]
        assert isinstance(cpus.widget, QLineEdit)
        assert cpus.widget.text() == ""
        assert cpus.widget.placeholderText() == f"Automatic: {page.model.effective['cpus']}"
        assert page.model.size is not None
        assert cpus.note.text() == f"of {page.model.size.cpus} processors"
        assert line(page, "disk_gib").text() == "64"

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
        show(page, "resources")
        field = page.resources.editors[name]
        assert not page.bar.apply.isEnabled()
        type_into(line(page, name), text)
        assert why in field.reason.text()
        assert field.reason.text().startswith(field.title)
        assert not field.reason.isHidden()
        assert field.widget.property("invalid")
        assert field.widget.accessibleDescription() == field.reason.text()
        assert not page.bar.apply.isEnabled()
        click(page.bar.discard)
        assert field.reason.isHidden()
        assert not page.bar.discard.isEnabled()

    def test_a_mistake_on_another_tab_is_named(self, page: SettingsPage) -> None:
        show(page, "resources")
        type_into(line(page, "cpus"), "two")
        assert page.bar.note.text() == ""  # the reason is beside the field
        show(page, "folders")
        assert page.bar.note.text() == "Fix “Processors” on the tab Resources first."
        show(page, "reset")
        assert page.bar.isVisible()
        click(page.bar.discard)
        assert not page.bar.isVisible()

    def test_applying_restarts_the_machine_when_that_is_needed(self, page: SettingsPage, shown: Window) -> None:
        show(page, "resources")
        began = shown.session.status
        assert began is not None
        assert began.machine is not None
        since = began.machine.since
        type_into(line(page, "cpus"), "1")
        assert page.bar.apply.text() == "Apply and restart"
        assert "restart" in page.bar.note.text()
        click(page.bar.apply)

        def restarted() -> bool:
            status = shown.session.status
            machine = status.machine if status is not None else None
            return shown.session.running and machine is not None and machine.since not in (None, since)

        until(restarted)
        assert stored(page, "cpus") == 1
        assert not page.bar.apply.isEnabled()

    def test_or_at_the_next_start(self, page: SettingsPage, shown: Window) -> None:
        show(page, "resources")
        type_into(line(page, "memory_mib"), "1024")
        click(page.bar.later)
        until(lambda: "Saved. Takes effect after a restart" in messages(shown))
        until(lambda: stored(page, "memory_mib") == 1024)
        assert shown.session.running

    def test_what_was_typed_survives_a_look_elsewhere(self, page: SettingsPage, shown: Window) -> None:
        type_into(line(page, "cpus"), "1")
        shown.show_place("images")
        shown.show_place("settings")
        seen = page.model.report
        until(lambda: page.model.report is not seen)
        assert line(page, "cpus").text() == "1"
        assert page.bar.apply.isEnabled()

    def test_changes_on_several_tabs_are_applied_together(self, page: SettingsPage) -> None:
        show(page, "resources")
        type_into(line(page, "cpus"), "1")
        choose(page.resources, "accelerator", "tcg")
        show(page, "behaviour")
        choose(page.behaviour, "on_close", "stop")
        click(page.bar.later)
        until(lambda: stored(page, "accelerator") == "tcg")
        assert file() == {"schema": 1, "cpus": 1, "accelerator": "tcg", "on_close": "stop"}

    def test_a_default_comes_back_when_the_line_is_cleared(self, page: SettingsPage) -> None:
        show(page, "engine")
        type_into(line(page, "wait_seconds"), "90")
        click(page.bar.apply)
        until(partial(is_stored, page, "wait_seconds", 90))
        type_into(line(page, "wait_seconds"), "")
        assert line(page, "wait_seconds").placeholderText() == "Default: 60"
        click(page.bar.apply)
        until(partial(is_stored, page, "wait_seconds", 60))
        assert file() == {"schema": 1}

    def test_nothing_to_apply_before_something_has_changed(self, page: SettingsPage) -> None:
        for name in ("resources", "folders", "behaviour", "engine", "windows", "proxy", "docker"):
            show(page, name)
            assert not page.bar.apply.isEnabled()
        assert page.model.changes() == {}

    def test_every_setting_is_on_a_tab(self, page: SettingsPage) -> None:
        forms = [page.resources, page.folders, page.behaviour, page.engine, page.proxy, page.docker]
        assert {path for form in forms for path in form.editors} >= {item.name for item in fields()}

    def test_what_only_other_hosts_can_do_is_on_none(self, page: SettingsPage) -> None:
        assert set(page.docker.editors) == {"context"}

    def test_what_this_host_can_do(self, on_windows: None, page: SettingsPage) -> None:
        assert set(page.docker.editors) == {"context", "default_pipe"}
        assert "Programs that do not know contexts" in page.docker.cards

    @pytest.mark.parametrize("name", ["resources", "folders", "engine", "proxy", "docker"])
    def test_the_tab_key_goes_from_top_to_bottom(self, page: SettingsPage, name: str) -> None:
        show(page, name)
        tab: SettingsForm = getattr(page, name)
        reached = [
            item
            for item in tab.findChildren(QWidget)
            if item.isVisible() and item.isEnabled() and item.focusPolicy() & Qt.FocusPolicy.TabFocus
        ]
        chain = [top_of(tab, item) for item in in_focus_order(reached)]
        assert chain == sorted(chain)
        assert len(chain) >= 2


@dataclass(frozen=True)
class Extended(Settings):
    """A schema with two more settings, in a section that there is and in one that there is not."""

    swap_mib: int = setting(0, title="Swap", section=MACHINE, unit="MiB", minimum=64, maximum=4096)
    theme: str = setting(
        "system",
        title="Colours",
        section=Section("behaviour", "Look"),
        choices={"system": "As the system", "dark": "Dark"},
    )


class TestANewSetting:
    """It is declared once, in the schema; the form follows."""

    def test_it_is_in_the_form_and_checked(self, shown: Window, qtbot: QtBot) -> None:
        made = SettingsPage(shown.context, Extended)
        qtbot.addWidget(made)
        made.model.load()
        until(lambda: made.model.report is not None, "the settings")
        swap = made.resources.editors["swap_mib"]
        assert (swap.title, swap.note.text()) == ("Swap", "MiB")
        assert isinstance(swap.widget, QLineEdit)
        swap.widget.setText("1")
        assert swap.reason.text() == "Swap cannot be 1. Choose 64 to 4096 MiB."
        swap.widget.setText("128")
        choose(made.behaviour, "theme", "dark")
        assert made.model.changes() == {"swap_mib": "128", "theme": '"dark"'}
        assert not made.model.restart_needed
        titles = [words.text() for words in made.behaviour.findChildren(QLabel)]
        assert {"Look", "Colours"} <= set(titles)


def test_what_the_supervisor_refuses_is_told_beside_the_buttons(page: SettingsPage, tmp_path: Path) -> None:
    """As dockerd may, or a folder that is not there."""
    show(page, "folders")
    folders_of(page).add(str(tmp_path / "gone"))
    click(page.bar.apply)
    until(lambda: "does not exist" in page.bar.note.text())
    assert page.bar.note.objectName() == "reason"
    assert not page.bar.apply.isEnabled()
    box(page.folders, "share_home").click()
    assert page.bar.note.text() == ""
    assert page.bar.apply.isEnabled()
