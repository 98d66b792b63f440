"""Services and nodes of a swarm in the window."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QSpinBox

from desktop.ui.models.records import Row
from desktop.ui.pages.service import ServiceLog, ServicePage, TasksPanel
from desktop.ui.pages.services import ServicesPage
from desktop.ui.widgets.dialogs import Form, Question
from desktop.ui.widgets.listpage import ListPage
from desktop.ui.window import Window
from tests.gui.drive import act, agree, choose, fill, go, messages, names, press, top
from tests.gui.stage import until


@pytest.fixture
def scenario() -> str:
    return "running,swarm"


def row(page: ListPage, name: str) -> Row:
    return next(item for item in page.table.visible_rows() if item.record.name == name)


def cells(page: ListPage, name: str) -> list[str]:
    record = row(page, name).record
    return [column.text(record) for column in page.table.records.columns]


def test_services_are_scaled_changed_and_removed(shown: Window) -> None:
    until(lambda: shown.side.offers("services"), "the place")
    QTest.keyClick(shown, Qt.Key.Key_9, Qt.KeyboardModifier.ControlModifier)
    until(lambda: shown.place == "services")
    page = shown.pages["services"]
    assert isinstance(page, ServicesPage)
    until(lambda: len(names(page)) == 3, "the services")
    assert cells(page, "shop_web") == ["shop_web", "replicated", "3/3", "nginx:1.29", "8080:80/tcp"]
    assert cells(page, "reports")[2] == "0/1"
    choose(page, "shop_agent")
    assert not page.actions_by_name["scale"].isEnabled(), "it is global"
    choose(page, "shop_web")
    act(page, "scale")
    form = top(Form)
    form.findChildren(QSpinBox)[0].setValue(5)
    press(form, "Scale")
    until(lambda: cells(page, "shop_web")[2] == "5/5", "the replicas")
    choose(page, "shop_web")
    act(page, "image")
    form = top(Form)
    fill(form, image="nginx:1.30")
    press(form, "Change")
    until(lambda: cells(page, "shop_web")[3] == "nginx:1.30", "the image")
    choose(page, "shop_web")
    act(page, "remove")
    agree()
    until(lambda: len(names(page)) == 2, "the removal")
    assert messages(shown) == []


def test_a_task_that_fails_says_why(shown: Window) -> None:
    page = go_services(shown)
    detail = page.open(row(page, "reports").record)
    panel = detail.tab("tasks")
    assert isinstance(panel, TasksPanel)
    until(panel.table.visible_rows, "its tasks")
    line = panel.table.visible_rows()[0].record
    assert (line.name, line.task.state, line.node) == ("reports.1", "rejected", "worker-1")
    assert line.task.error.startswith("No such image")


def test_a_services_log_and_inspection(shown: Window) -> None:
    page = go_services(shown)
    detail = page.open(row(page, "shop_web").record)
    assert isinstance(detail, ServicePage)
    detail.show_tab("logs")
    log = detail.tab("logs")
    assert isinstance(log, ServiceLog)
    until(lambda: "shop_web.3 is ready" in log.text.toPlainText(), "the log")
    detail.show_tab("inspect")
    assert "3/3" in detail.state.accessibleName()


def test_nodes_are_drained_and_activated(shown: Window) -> None:
    until(lambda: shown.side.offers("nodes"), "the place")
    page = go(shown, "nodes")
    until(lambda: len(names(page)) == 3, "the nodes")
    assert cells(page, "manager-1")[1:4] == ["manager, leader", "ready", "active"]
    choose(page, "worker-1")
    assert not page.actions_by_name["activate"].isEnabled()
    act(page, "drain")
    assert "move to other nodes" in " ".join(item.text() for item in top(Question).findChildren(type(page.count)))
    agree()
    until(lambda: cells(page, "worker-1")[3] == "drain", "the drain")
    choose(page, "worker-1")
    act(page, "activate")
    until(lambda: cells(page, "worker-1")[3] == "active", "the activation")


def go_services(shown: Window) -> ServicesPage:
    until(lambda: shown.side.offers("services"), "the place")
    page = go(shown, "services")
    assert isinstance(page, ServicesPage)
    until(lambda: len(names(page)) == 3, "the services")
    return page
