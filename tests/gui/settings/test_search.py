"""The search: over all tabs, by mouse and by keyboard."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from desktop.ui.pages.settings import SettingsPage
from desktop.ui.theme import MARGIN
from desktop.ui.window import Window
from tests.gui.settings.steps import line
from tests.gui.stage import until


def found(page: SettingsPage, text: str) -> list[tuple[str, str]]:
    page.search.setFocus()
    page.search.clear()
    QTest.keyClicks(page.search, text)
    return [(one.title, one.where) for one in page.results.found()]


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("memory", ("Memory", "Resources  ›  Virtual machine")),
        ("memory_mib", ("Memory", "Resources  ›  Virtual machine")),  # as the command line names it
        ("dark", ("Theme", "Behaviour  ›  Appearance")),  # a choice
        ("insecure reg", ("Insecure registries", "Engine  ›  Registries")),
        ("support bundle", ("Support bundle", "Diagnosis")),
        ("certificate", ("Clients on other computers", "TLS")),
        ("delete data", ("Containers, images and volumes", "Reset")),
    ],
)
def test_it_finds(page: SettingsPage, text: str, first: tuple[str, str]) -> None:
    assert found(page, text)[0] == first


def test_titles_come_first_and_nothing_is_said(page: SettingsPage) -> None:
    titles = [title for title, _ in found(page, "proxy")]
    named = ["proxy" in title.lower() for title in titles]
    assert named[:4] == [True] * 4
    assert named == sorted(named, reverse=True)
    assert found(page, "xyzzy") == []
    assert page.results.nothing.isVisible()
    page.search.clear()
    assert page.tabs.isVisible()


def test_return_leads_to_the_field(page: SettingsPage) -> None:
    found(page, "insecure")
    QTest.keyClick(page.search, Qt.Key.Key_Return)
    assert page.tabs.isVisible()
    until(line(page, "daemon.insecure-registries").hasFocus)
    assert page.search.text() == ""


def test_down_chooses_another(page: SettingsPage, shown: Window) -> None:
    second = found(page, "proxy")[1]
    QTest.keyClick(page.search, Qt.Key.Key_Down)
    until(page.results.table.hasFocus)
    QTest.keyClick(page.results.table, Qt.Key.Key_Down)
    QTest.keyClick(page.results.table, Qt.Key.Key_Return)
    until(page.tabs.isVisible)
    focused = QApplication.focusWidget() or shown.focusWidget()
    assert focused is not None
    assert focused.accessibleName() == second[0]


@pytest.mark.parametrize("height", [560, 1400])
def test_one_right_margin(page: SettingsPage, shown: Window, height: int) -> None:
    """With a scroll bar and without, for the search, the cards and the bar below."""
    shown.resize(1000, height)
    page.show_subject("folders")
    QApplication.processEvents()
    bar = page.tabs.currentWidget().verticalScrollBar()  # type: ignore[attr-defined]  # every tab is a scroll area
    until(lambda: bar.isVisible() is (height < 600), "the scroll bar")
    parts = (page.search, page.folders.states, page.bar.apply)
    until(lambda: {right_of(part, page) for part in parts} == {page.width() - MARGIN}, "one right margin")


def right_of(part: QWidget, page: QWidget) -> int:
    return part.mapTo(page, QPoint(part.width(), 0)).x()
