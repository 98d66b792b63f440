"""What the rows say while something is done to their containers."""

from __future__ import annotations

from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from desktop.supervisor.fake.engine import STUBBORN
from desktop.ui.models.containers import STATUS, Line
from desktop.ui.pages.containers import ContainersPage
from desktop.ui.widgets.listpage import ListPage
from desktop.ui.widgets.table import BEFORE_OFFER, TEXT_MARGIN
from desktop.ui.window import Window
from engine.client import EngineClient
from tests.gui.drive import act, agree, choose, fill, go, names, press, state
from tests.gui.stage import until


def line(page: ListPage, name: str) -> Line:
    found = next(row.record for row in page.table.visible_rows() if row.record.name == name)
    assert isinstance(found, Line)
    return found


def stubborn(shown: Window, name: str, seconds: int) -> ListPage:
    """A running container that ignores SIGTERM, so that a stop takes as long."""

    async def run(engine: EngineClient) -> None:
        made = await engine.containers.create(
            {"Image": "alpine:3.22", "Labels": {STUBBORN: str(seconds)}}, name=name
        )
        await engine.containers.start(made)

    shown.session.bridge.call(run(shown.session.engine))
    page = go(shown, "containers")
    until(lambda: name in names(page) and line(page, name).state == "running", "the container")
    return page


def test_a_stop_is_told_in_the_row(shown: Window) -> None:
    page = stubborn(shown, "deaf", 60)
    choose(page, "deaf")
    act(page, "stop")
    assert line(page, "deaf").status == "Stopping…", "at once"
    assert line(page, "deaf").colour == "starting"
    offered = {name for name in ("start", "stop", "restart", "pause") if enabled(page, name)}
    assert offered == set(), "one thing at a time"
    assert all(enabled(page, name) for name in ("kill", "remove")), "which end the waiting"
    until(lambda: line(page, "deaf").status.startswith("Stopping… 3 s"), "the seconds")
    click_offer(page, "deaf", "Kill now")
    until(lambda: state(shown, "deaf") == "exited", "the kill")
    until(lambda: line(page, "deaf").doing is None, "the outcome")
    assert line(page, "deaf").status.startswith("Exited")
    assert enabled(page, "start")


def test_what_is_being_stopped_can_be_removed(shown: Window) -> None:
    page = stubborn(shown, "deaf", 60)
    choose(page, "deaf")
    act(page, "stop")
    assert line(page, "deaf").status == "Stopping…"
    act(page, "remove")
    agree()
    until(lambda: "deaf" not in names(page), "the removal")
    until(lambda: not shown.context.lists.busy.now(), "the end of both")
    assert [banner.message for banner in shown.banners.shown()] == []


def test_a_removal_and_a_failure(shown: Window) -> None:
    page = go(shown, "containers")
    assert isinstance(page, ContainersPage)
    until(lambda: "builder" in names(page))
    choose(page, "builder")
    act(page, "remove")
    agree()
    until(lambda: "builder" not in names(page), "the removal")
    until(lambda: not shown.context.lists.busy.now(), "its end")
    choose(page, "web")
    item = line(page, "web")
    shown.context.each([("no such container", "ghost")], _start, "{} could not be started", "Starting")
    until(lambda: not shown.context.lists.busy.now(), "the end of what has failed")
    assert line(page, "web") == item
    until(lambda: any("ghost could not be started" in banner.message for banner in shown.banners.shown()))


async def _start(engine: EngineClient, key: str) -> None:
    await engine.containers.start(key)


def enabled(page: ListPage, operation: str) -> bool:
    return page.actions_by_name[operation].isEnabled()


def click_offer(page: ListPage, name: str, words: str) -> None:
    """Click the link behind a row's status."""
    table = page.table
    index = table.index_of(line(page, name).containers[0].id)
    cell = table.visualRect(index.siblingAtColumn(STATUS))
    text = line(page, name).status + BEFORE_OFFER
    at = QPoint(
        cell.left() + TEXT_MARGIN + table.fontMetrics().horizontalAdvance(text + words) - 3, cell.center().y()
    )
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=at)


def test_a_container_has_a_row_before_the_engine_knows_it(shown: Window) -> None:
    page = go(shown, "containers")
    assert isinstance(page, ContainersPage)
    until(lambda: names(page))
    dialog = page.run_dialog("alpine:3.22")
    fill(dialog, name="soon")
    seen: list[str] = []
    page.table.records.rowsInserted.connect(lambda *_: seen.extend(_statuses(page, "soon")))
    press(dialog, "Run")
    until(lambda: state(shown, "soon") == "running", "the container")
    until(lambda: _statuses(page, "soon") == ["Up Less than a second"] or line(page, "soon").doing is None)
    assert seen[0] == "Creating…"
    assert names(page).count("soon") == 1


def _statuses(page: ListPage, name: str) -> list[str]:
    return [row.record.status for row in page.table.visible_rows() if row.record.name == name]


def test_messages_cover_nothing_and_go_when_they_are_no_longer_true(shown: Window) -> None:
    page = go(shown, "containers")
    until(lambda: names(page))
    before = page.table.mapTo(shown, QPoint(0, 0))
    banner = shown.banners.show_message("error", "The engine could not be started", "Try again.")
    until(lambda: shown.banners.isVisible() and banner.height() > 20, "the message")
    lower_edge = page.mapTo(shown, QPoint(0, page.height())).y()
    assert lower_edge <= shown.banners.mapTo(shown, QPoint(0, 0)).y()
    assert page.table.mapTo(shown, QPoint(0, 0)) == before, "nothing has moved"
    shown.session.stop()
    until(lambda: not shown.session.running, "the stop")
    shown.session.start()
    until(lambda: shown.session.chosen.connected and not shown.banners.isVisible(), "the message to go")
