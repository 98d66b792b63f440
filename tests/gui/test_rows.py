"""What a row offers by itself: actions under the mouse, links to who uses it."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QPoint, QRect, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu

from desktop.ui.models import images, volumes
from desktop.ui.pages.container import ContainerPage
from desktop.ui.pages.project import ProjectPage
from desktop.ui.widgets.listpage import ListPage
from desktop.ui.widgets.rowactions import SIDE
from desktop.ui.window import Window
from tests.gui.drive import choose, go, names, state
from tests.gui.stage import until


def cell(page: ListPage, name: str, column: int = 0) -> QRect:
    """Where a row's cell is."""
    first = page.table.records.columns[0]
    until(lambda: name in names(page), name)
    found = next(row for row in page.table.visible_rows() if first.text(row.record) == name)
    return page.table.visualRect(page.table.index_of(found.key).siblingAtColumn(column))


def offered(page: ListPage, name: str) -> dict[str, QPoint]:
    """The actions of a row, as the mouse finds them: their names and places."""
    place, actions = cell(page, name), page.table.delegate.actions
    assert actions is not None
    record = page.table.records.row_of(page.table.indexAt(place.center())).record
    found = {}
    for left in range(place.left(), place.right(), SIDE // 2):
        at = QPoint(left, place.center().y())
        if hit := actions.at(place, record, at):
            found[hit[0].name] = hit[1].center()
    return found


def press(page: ListPage, name: str, action: str) -> None:
    """Move the mouse to an action of a row, and click it."""
    at = offered(page, name)[action]
    QTest.mouseMove(page.table.viewport(), at)
    QTest.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=at)


def test_a_row_offers_what_applies(shown: Window) -> None:
    page = go(shown, "containers")
    assert list(offered(page, "web")) == ["stop", "logs", "terminal", "more"]
    assert list(offered(page, "builder")) == ["start", "logs", "more"]
    assert list(offered(page, "shop")) == ["stop", "logs", "more"]


def test_an_action_is_of_its_row_whatever_is_selected(shown: Window) -> None:
    page = go(shown, "containers")
    until(lambda: "web" in names(page))
    choose(page, "sleeper")
    press(page, "web", "stop")
    until(lambda: state(shown, "web") == "exited", "the stop")
    assert [row.record.name for row in page.table.chosen()] == ["sleeper"]
    until(lambda: "start" in offered(page, "web"), "its action")
    press(page, "web", "start")
    until(lambda: state(shown, "web") == "running", "the start")
    press(page, "shop", "logs")
    assert isinstance(shown.stack.currentWidget(), ProjectPage)


def test_a_press_that_ends_elsewhere_does_nothing(shown: Window) -> None:
    page = go(shown, "containers")
    at, view = offered(page, "web")["stop"], page.table.viewport()
    QTest.mousePress(view, Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseRelease(view, Qt.MouseButton.LeftButton, pos=at + QPoint(0, 36))
    assert state(shown, "web") == "running"
    assert not shown.context.lists.busy.now()


def test_more_is_the_menu_of_the_row(shown: Window) -> None:
    page = go(shown, "containers")
    press(page, "web", "more")
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    assert {"Stop", "Rename…"} <= {action.text() for action in menu.actions() if action.isEnabled()}
    assert [row.record.name for row in page.table.chosen()] == ["web"]
    menu.close()


def test_buttons_above_the_list_are_for_several(shown: Window) -> None:
    page = go(shown, "containers")
    until(lambda: "web" in names(page))
    choose(page, "web")
    assert not page.several.isVisible()
    choose(page, "web", "builder")
    assert page.several.isVisible()


@pytest.mark.parametrize(
    ("place", "name", "column"),
    [("images", "redis", images.USERS), ("volumes", "shop_db", volumes.USERS)],
)
def test_in_use_by_is_a_link(shown: Window, place: str, name: str, column: int) -> None:
    page = go(shown, place)
    shown.resize(1280, 800)
    at = cell(page, name, column)
    user = page.table.indexAt(at.center()).siblingAtColumn(column).data().split(", ")[0]
    assert user
    inside = QPoint(at.left() + 14, at.center().y())
    QTest.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, pos=inside)
    detail = shown.stack.currentWidget()
    assert isinstance(detail, ContainerPage)
    assert detail.container.name == user
