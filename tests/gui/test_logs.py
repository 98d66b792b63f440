"""The logs of containers and projects in one place, and the page of a project."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from desktop.ui.pages.containers import ContainersPage
from desktop.ui.pages.log_range import RangeForm
from desktop.ui.pages.logs import LogsPage
from desktop.ui.pages.project import MembersPanel, ProjectLogs, ProjectPage
from desktop.ui.window import Window
from engine.client import EngineClient
from tests.gui.drive import act, choose, fill, go, names, press
from tests.gui.stage import home, until, window

RUNNING = {"shop-cache-1", "shop-db-1", "shop-web-1", "sleeper", "web"}


@pytest.fixture
def page(shown: Window) -> LogsPage:
    """The page, with the lines of all."""
    QTest.keyClick(shown, Qt.Key.Key_6, Qt.KeyboardModifier.ControlModifier)
    found = shown.pages["logs"]
    assert isinstance(found, LogsPage)
    until(lambda: who(found) == RUNNING, "the lines of all")
    return found


def who(page: LogsPage) -> set[str]:
    """Whose lines are shown."""
    names = {source.id: source.name for source in page.logs.sources}
    return {names[line.source] for line in page.logs.book.shown}


def call(shown: Window, action: str, name: str) -> None:
    """Do something to a container."""
    engine: EngineClient = shown.session.engine
    key = next(item.id for item in shown.context.lists.containers.items if item.name == name)
    shown.session.bridge.call(getattr(engine.containers, action)(key))


def test_all_that_run_are_shown_by_time(page: LogsPage) -> None:
    assert page.count.text() == "5 of 5 containers"
    moments = [line.moment for line in page.logs.book.shown]
    assert moments == sorted(moments)
    text = page.logs.text.toPlainText()
    assert "shop-db-1     2026-11-30 10:00:04.000 UTC [60] ERROR" in text
    assert "\x1b" not in text
    assert page.tree.ticks() == dict.fromkeys(sorted(RUNNING), True)


def test_the_tree_by_keyboard(page: LogsPage, shown: Window) -> None:
    assert QApplication.focusWidget() is page.tree
    item = page.tree.item_of("shop")
    page.tree.setCurrentItem(item)
    QTest.keyClick(page.tree, Qt.Key.Key_Space)
    until(lambda: who(page) == {"sleeper", "web"}, "the project's lines are gone")
    assert page.count.text() == "2 of 5 containers"
    current = page.tree.currentItem()
    assert current is not None
    assert current.text(0) == "shop", "the focus stays"
    QTest.keyClick(page.tree, Qt.Key.Key_Down)
    QTest.keyClick(page.tree, Qt.Key.Key_Space)
    until(lambda: who(page) == {"sleeper", "web", "shop-cache-1"})
    assert page.tree.item_of("shop").checkState(0) is Qt.CheckState.PartiallyChecked
    page.tree.setCurrentItem(page.tree.item_of("All containers"))
    QTest.keyClick(page.tree, Qt.Key.Key_Space)
    until(lambda: who(page) == RUNNING, "all again")


def test_what_ends_stays_until_the_view_is_cleared(shown: Window, page: LogsPage) -> None:
    call(shown, "stop", "web")
    until(lambda: "web · stopped" in page.tree.ticks(), "web has stopped")
    assert "web" in who(page)
    call(shown, "start", "web")
    until(lambda: page.logs.text.toPlainText().count("web is ready") == 2, "it goes on")
    until(lambda: "web" in page.tree.ticks())
    call(shown, "stop", "web")
    until(lambda: "web · stopped" in page.tree.ticks(), "web has stopped")
    next(action for action in page.logs.more.actions() if action.text() == "Clear the view").trigger()
    assert page.logs.lines == 0
    until(lambda: set(page.tree.ticks()) == RUNNING - {"web"}, "it is no longer offered")


def test_lines_that_come_while_another_page_is_shown(shown: Window, page: LogsPage) -> None:
    before = page.logs.lines
    shown.show_place("images")
    call(shown, "restart", "web")
    until(lambda: shown.context.lists.containers.settled)
    assert page.logs.lines == before, "nothing is fetched meanwhile"
    shown.show_place("logs")
    until(lambda: page.logs.text.toPlainText().count("web is ready") == 2, "what came meanwhile")
    assert page.logs.lines == before + 1, "and nothing twice"


def test_a_time_range(page: LogsPage, shown: Window) -> None:
    form = page.logs.choose_range()
    assert isinstance(form, RangeForm)
    fill(form, since="soon")
    press(form, "Show")
    assert form.isVisible(), "that is not a time"
    fill(form, since="2020-01-01", until="2021-01-01")
    press(form, "Show")
    until(lambda: page.logs.lines == 0, "no line is so old")
    assert page.logs.range.accessibleName() == "Time range: since 2020-01-01, until 2021-01-01"
    again = page.logs.choose_range()
    fill(again, since="1h", until="")
    press(again, "Show")
    until(lambda: who(page) == RUNNING, "those of the last hour")


def test_search_levels_and_export_of_several(page: LogsPage, shown: Window, tmp_path: Path) -> None:
    QTest.keyClick(shown, Qt.Key.Key_F, Qt.KeyboardModifier.ControlModifier)
    assert shown.focusWidget() is page.logs.search
    QTest.keyClicks(page.logs.search, "listening")
    until(lambda: page.logs.found.text() == "1 of 1")
    QTest.keyClick(page.logs.search, Qt.Key.Key_Escape)
    assert page.logs.search.text() == ""
    assert shown.stack.currentWidget() is page
    page.logs.levels.actions()[2].trigger()
    until(lambda: who(page) == {"shop-web-1", "shop-db-1", "web"})
    page.logs.export(tmp_path / "log.txt")
    until(lambda: "exported" in page.logs.note.accessibleName())
    lines = (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) == page.logs.lines
    assert any("Z  shop-db-1  2026-11-30 10:00:04.000 UTC [60] ERROR" in line for line in lines)


def test_an_engine_that_is_away(qapp: QApplication) -> None:
    with home("slow"), window(qapp) as shown:
        shown.show_place("logs")
        page = shown.pages["logs"]
        assert isinstance(page, LogsPage)
        assert page.stack.currentWidget() is page.engine_away
        shown.session.start()
        until(lambda: shown.context.lists.containers.known, "the engine")
        until(lambda: who(page) == RUNNING, "the lines")


def test_both_engines(qapp: QApplication) -> None:
    with home("running,two"), window(qapp) as shown:
        until(lambda: shown.session.running, "the engine")
        for name in ("windows", "linux"):
            use(shown, name)
        changes = {"keep_engines": "true"}
        shown.session.control(lambda client: client.set_settings(changes))
        until(lambda: shown.session.several, "both")
        shown.show_place("logs")
        page = shown.pages["logs"]
        assert isinstance(page, LogsPage)
        until(lambda: {"intranet", "web"} <= who(page), "lines of both")


def use(shown: Window, name: str) -> None:
    shown.session.control_work(lambda client: client.use_engine(name))
    until(lambda: shown.session.view.origin.os == name and shown.session.running, name)


def test_another_engine_begins_anew(shown: Window, page: LogsPage) -> None:
    call(shown, "stop", "web")
    until(lambda: "web · stopped" in page.tree.ticks(), "web has stopped")
    page.tree.item_of("sleeper").setCheckState(0, Qt.CheckState.Unchecked)
    until(lambda: "sleeper" not in who(page))
    shown.context.view.exchanged.emit()
    until(lambda: page.tree.ticks() == dict.fromkeys(sorted(RUNNING - {"web"}), True), "its containers")


def test_a_projects_page(shown: Window) -> None:
    containers = go(shown, "containers")
    assert isinstance(containers, ContainersPage)
    until(lambda: "shop" in names(containers))
    choose(containers, "shop")
    act(containers, "logs")
    detail = shown.stack.currentWidget()
    assert isinstance(detail, ProjectPage)
    logs = detail.tab("logs")
    assert isinstance(logs, ProjectLogs)
    until(lambda: {line.source for line in logs.book.shown} == {source.id for source in logs.sources})
    assert len(logs.sources) == 3
    assert detail.state.accessibleName() == "3 of 3 running"
    stop = next(made for operation, made in detail.operations if operation.name == "stop")
    QTest.mouseClick(stop, Qt.MouseButton.LeftButton)
    until(lambda: detail.state.accessibleName() == "0 of 3 running", "they have stopped")
    assert logs.lines, "their lines stay"
    detail.show_tab("containers")
    members = detail.tab("containers")
    assert isinstance(members, MembersPanel)
    assert [row.record.name for row in members.table.visible_rows()] == ["shop-cache-1", "shop-db-1", "shop-web-1"]
    QTest.keyClick(members.table, Qt.Key.Key_Down)
    QTest.keyClick(members.table, Qt.Key.Key_Return)
    until(lambda: type(shown.stack.currentWidget()).__name__ == "ContainerPage", "a container's page")


def test_many_containers(qapp: QApplication) -> None:
    with home("running,many"), window(qapp) as shown:
        until(lambda: shown.context.lists.containers.known, "the list", 120)
        shown.show_place("logs")
        page = shown.pages["logs"]
        assert isinstance(page, LogsPage)
        until(lambda: page.count.text().startswith("50 of 333"), "no more than fifty")
        began = time.monotonic()
        page.tree.item_of("worker-491").setCheckState(0, Qt.CheckState.Checked)
        until(lambda: "worker-491" in who(page), "the one that was ticked")
        assert time.monotonic() - began < 30
