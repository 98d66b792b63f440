"""The tab of Windows containers: the engine's own proxy and daemon.json, and grey where there can be no engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication, QComboBox, QLineEdit, QPlainTextEdit, QWidget

from desktop.ui.pages.settings import SettingsPage
from desktop.ui.pages.settings.windows import TITLES
from tests.gui.settings.steps import click, in_focus_order, line, show, stored, top_of, type_into
from tests.gui.stage import home, until, window


@pytest.fixture
def two(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Iterator[SettingsPage]:
    """The page of a Slipway that has both engines."""
    monkeypatch.setenv("SLIPWAY_WINDOWS_ENGINE", '["program"]')
    with home("running,two"), window(qapp) as shown:
        shown.show_place("settings")
        found = shown.pages["settings"]
        assert isinstance(found, SettingsPage)
        until(lambda: found.model.report is not None, "the settings")
        show(found, "windows")
        yield found


def text_of(page: SettingsPage) -> QPlainTextEdit:
    found = page.windows.editors["windows_daemon"].widget
    assert isinstance(found, QPlainTextEdit)
    return found


def test_the_proxy_and_the_text_edit_the_same(two: SettingsPage) -> None:
    assert not two.windows.note.isVisible()
    type_into(line(two, "windows_daemon.proxies.http-proxy"), "http://proxy:3128")
    assert "http://proxy:3128" in text_of(two).toPlainText()
    assert two.bar.apply.text() == "Apply"
    click(two.bar.apply)
    wanted: dict[str, Any] = {"proxies": {"http-proxy": "http://proxy:3128"}}
    until(lambda: stored(two, "windows_daemon") == wanted)
    assert stored(two, "daemon") == {}, "Linux' own is another"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"iptables": false}', "is not a dockerd setting"),
        ('{"hosts": []}', "Slipway depends on it"),
        ('{"exec-opts": ["native.cgroupdriver=x"]}', "Write it as isolation=VALUE"),
        ('{"proxies": {"http-proxy": "proxy"}}', "must begin with http://"),
        ("{", "is not JSON"),
    ],
)
def test_it_is_checked_before_it_is_applied(two: SettingsPage, text: str, why: str) -> None:
    text_of(two).setPlainText(text)
    assert why in two.windows.editors["windows_daemon"].reason.text()
    assert not two.bar.apply.isEnabled()
    two.model.discard()


def test_why_it_is_not_used(two: SettingsPage) -> None:
    assert two.model.report is not None
    two.model.show_report(dataclasses.replace(two.model.report, no_windows="the service “docker” is used"))
    assert two.windows.note.isVisible()
    assert two.windows.note.text() == "The service “docker” is used."
    assert text_of(two).isEnabled(), "it may be set for later"


def test_the_keyboard_goes_from_top_to_bottom(two: SettingsPage) -> None:
    kinds = (QLineEdit, QPlainTextEdit, QComboBox)
    reached: list[QWidget] = [
        item for kind in kinds for item in two.windows.findChildren(kind) if item.isVisible()
    ]
    places = [top_of(two.windows, item) for item in in_focus_order(reached)]
    assert len(places) == 5
    assert places == sorted(places)


def test_grey_with_the_reason_where_there_can_be_none(page: SettingsPage) -> None:
    show(page, "windows")
    until(page.windows.note.isVisible, "the reason")
    assert page.windows.note.text().startswith(("Needs a Windows computer. ", "Windows Home has none. "))
    assert "Windows containers run on Windows 10 and 11 Pro" in page.windows.note.text()
    lines = page.windows.findChildren(QLineEdit)
    assert [item.accessibleName() for item in lines] == list(TITLES.values())
    assert not any(item.isEnabled() for item in lines)
    assert page.windows.editors == {}
