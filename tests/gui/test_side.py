"""The panel beside a list: a click shows it, Esc closes it, it goes where there is no space."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton, QToolButton

from desktop.ui.pages.container import ContainerPage
from desktop.ui.pages.containers import ContainersPage
from desktop.ui.pages.volume import VolumePage
from desktop.ui.widgets.listpage import ListPage
from desktop.ui.widgets.sidepanel import SidePanel
from desktop.ui.window import Window
from tests.gui.drive import choose, go, names, state
from tests.gui.stage import until


def wide(shown: Window, place: str = "containers") -> tuple[ListPage, SidePanel]:
    """A list with its panel, in a window that has space for both."""
    shown.resize(1280, 800)
    page = go(shown, place)
    until(lambda: names(page), "its rows")
    assert page.side is not None
    until(lambda: page.side is not None and page.side.fits, "the space")
    return page, page.side


def click(page: ListPage, name: str, *, double: bool = False) -> None:
    """Click a row in its first column."""
    row = next(row for row in page.table.visible_rows() if page.table.records.columns[0].text(row.record) == name)
    place = page.table.visualRect(page.table.index_of(row.key))
    at = QPoint(place.left() + 30, place.center().y())
    QTest.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=at)
    if double:
        QTest.mouseDClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=at)


def links(side: SidePanel) -> list[str]:
    return [link.text() for link in side.facts.findChildren(QPushButton) if not link.isHidden()]


def test_a_click_shows_what_it_is_and_what_it_prints(shown: Window) -> None:
    page, side = wide(shown)
    assert isinstance(page, ContainersPage)
    assert not side.isVisible()
    click(page, "web")
    until(side.isVisible, "the panel")
    assert side.title.accessibleName() == "web"
    assert links(side) == ["8080:80", "8443:443"]
    until(lambda: "web is ready" in page.log.text.toPlainText(), "its log")
    click(page, "shop")
    assert side.title.accessibleName() == "shop"
    until(lambda: "database system is ready" in page.log.text.toPlainText(), "the log of all")
    assert "web is ready" not in page.log.text.toPlainText()


def test_a_double_click_opens_the_page_and_nothing_moves_before(shown: Window) -> None:
    page, side = wide(shown)
    click(page, "web", double=True)
    detail = shown.stack.currentWidget()
    assert isinstance(detail, ContainerPage)
    assert detail.container.name == "web"
    assert not side.isVisibleTo(page)


def test_closed_it_stays_closed(shown: Window) -> None:
    page, side = wide(shown)
    choose(page, "web")
    assert side.isVisible()
    page.table.setFocus()
    QTest.keyClick(page.table, Qt.Key.Key_Escape)
    until(lambda: not side.isVisible(), "Esc")
    choose(page, "builder")
    assert not side.isVisible()
    button = next(one for one in page.findChildren(QToolButton) if one.accessibleName() == "Side panel")
    assert not button.isChecked()
    QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    assert side.isVisible()
    assert side.title.accessibleName() == "builder"


def test_where_there_is_no_space_it_goes(shown: Window) -> None:
    page, side = wide(shown)
    choose(page, "web")
    assert side.isVisible()
    shown.resize(1000, 640)
    until(lambda: not side.isVisible(), "its end")
    shown.resize(1280, 800)
    until(side.isVisible, "it comes back")


def test_its_buttons_do_what_applies(shown: Window) -> None:
    page, side = wide(shown)
    choose(page, "web")
    tools = {tool.accessibleName(): tool for tool in side.findChildren(QToolButton) if tool.isVisible()}
    assert {"Stop", "Restart", "Remove…", "Show logs", "Open a terminal"} <= set(tools)
    assert "Start" not in tools
    QTest.mouseClick(tools["Stop"], Qt.MouseButton.LeftButton)
    until(lambda: state(shown, "web") == "exited", "the stop")
    until(lambda: side.state.accessibleName().startswith("Exited"), "what it says")


def test_the_facts_that_change_leave_the_others_alone(shown: Window) -> None:
    page, side = wide(shown)
    choose(page, "shop-db-1")
    before = next(one for one in side.facts.findChildren(QPushButton) if one.text() == "shop_db")
    before.setFocus()
    shown.context.lists.containers.refresh()
    until(
        lambda: any("CPU" in (one.text() or "") for one in side.facts.findChildren(type(side.title))), "its load"
    )
    assert before.hasFocus()
    QTest.mouseClick(before, Qt.MouseButton.LeftButton)
    assert isinstance(shown.stack.currentWidget(), VolumePage)


@pytest.mark.parametrize(("place", "name"), [("images", "redis"), ("volumes", "shop_db")])
def test_images_and_volumes_lead_to_who_uses_them(shown: Window, place: str, name: str) -> None:
    page, side = wide(shown, place)
    choose(page, name)
    users = links(side)
    assert users
    QTest.mouseClick(side.facts.findChildren(QPushButton)[0], Qt.MouseButton.LeftButton)
    detail = shown.stack.currentWidget()
    assert isinstance(detail, ContainerPage)
    assert detail.container.name == users[0]
