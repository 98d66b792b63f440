"""Lists: groups and selection that stay, filters, keys, links, and what is shown while the engine is away."""

from __future__ import annotations

import os
import signal

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QComboBox, QPushButton, QToolButton

from desktop.control.schema import PortReport
from desktop.ui.models import containers as model
from desktop.ui.models.records import ROW
from desktop.ui.pages.container import ContainerPage
from desktop.ui.pages.network import MembersPanel, NetworkPage
from desktop.ui.pages.networks import NetworksPage
from desktop.ui.widgets.dialogs import Form, Question
from desktop.ui.widgets.listpage import ListPage
from desktop.ui.window import PLACES, SMALLEST, Window
from engine.client.models import Port
from tests.gui.drive import act, agree, choose, fill, go, names, press, refusal, state, strike, top
from tests.gui.stage import until

CTRL, SHIFT = Qt.KeyboardModifier.ControlModifier, Qt.KeyboardModifier.ShiftModifier


def containers(shown: Window) -> ListPage:
    page = go(shown, "containers")
    until(lambda: "web" in names(page))
    return page


def test_what_fits_nothing_says_so(shown: Window) -> None:
    page = containers(shown)
    QTest.keyClicks(page.search, "no such container")
    until(lambda: page.unmatched.isVisible())
    QTest.mouseClick(page.unmatched.findChildren(QPushButton)[0], Qt.MouseButton.LeftButton)
    assert page.table.isVisible()
    assert "web" in names(page)
    assert page.search.text() == ""


def test_the_smallest_window_has_room_for_every_page(shown: Window) -> None:
    shown.resize(SMALLEST)
    for place, _ in PLACES:
        shown.show_place(place)
    layout = shown.layout()
    assert layout is not None
    until(lambda: containers(shown).table.isVisible())
    assert layout.totalMinimumSize().width() <= SMALLEST.width()
    table = containers(shown).table
    assert table.header().sectionSize(0) >= table.records.columns[0].least


class TestContainers:
    def test_selection_scroll_and_closed_groups_stay(self, shown: Window) -> None:
        page = containers(shown)
        table = page.table
        group = next(
            table.records.index(number, 0)
            for number in range(table.records.rowCount())
            if table.records.index(number, 0).data(ROW).record.group
        )
        assert table.isExpanded(group)
        table.setCurrentIndex(group)
        QTest.keyClick(table, Qt.Key.Key_Left)
        assert not table.isExpanded(group)
        choose(page, "web")
        shown.session.bridge.call(
            shown.session.engine.containers.create(
                {"Image": "alpine:3.22", "Labels": {"com.docker.compose.project": "second"}}, name="second-a-1"
            )
        )
        until(lambda: "second" in names(page))
        assert [row.record.name for row in table.chosen()] == ["web"]
        shut = {
            index.data(ROW).record.name: table.isExpanded(index)
            for index in (table.records.index(number, 0) for number in range(table.records.rowCount()))
            if index.data(ROW).record.group
        }
        assert shut == {"shop": False, "second": True}

    @pytest.mark.parametrize(
        ("key", "modifiers", "name", "after"),
        [
            (Qt.Key.Key_S, CTRL, "web", "exited"),
            (Qt.Key.Key_K, CTRL | SHIFT, "web", "exited"),
            (Qt.Key.Key_R, CTRL, "web", "running"),
            (Qt.Key.Key_P, CTRL, "web", "paused"),
            (Qt.Key.Key_P, CTRL | SHIFT, "sleeper", "running"),
            (Qt.Key.Key_Return, CTRL, "builder", "running"),
        ],
    )
    def test_keys(self, shown: Window, key: Qt.Key, modifiers: Qt.KeyboardModifier, name: str, after: str) -> None:
        page = containers(shown)
        choose(page, name)
        page.table.setFocus()
        QTest.keyClick(page.table, key, modifiers)
        until(lambda: state(shown, name) == after)

    def test_del_asks_and_the_terminals_key_opens_it(self, shown: Window) -> None:
        page = containers(shown)
        choose(page, "web")
        page.table.setFocus()
        QTest.keyClick(page.table, Qt.Key.Key_Delete)
        top(Question).reject()
        QTest.keyClick(page.table, Qt.Key.Key_T, CTRL)
        assert [panel.title for panel in shown.drawer.panels] == ["web"]
        assert shown.stack.currentWidget() is page, "it is below the page"

    def test_del_is_for_the_list_only(self, shown: Window) -> None:
        page = containers(shown)
        choose(page, "web")
        other = next(item for item in page.findChildren(QToolButton) if item.accessibleName() == "Columns")
        for elsewhere in (page.search, page.filters, other):
            strike(elsewhere, Qt.Key.Key_Delete)
            assert not page.findChildren(Question), elsewhere.accessibleName()
        strike(page.table, Qt.Key.Key_Delete)
        top(Question).reject()

    @pytest.mark.parametrize(
        ("words", "found"),
        [
            ("status=paused", {"sleeper"}),
            ("network=shop_default postgres", {"shop", "shop-db-1"}),
            ("volume=shop_db", {"shop", "shop-db-1"}),
            ("label=com.docker.compose.service=web", {"shop", "shop-web-1"}),
            ("health=healthy", {"web"}),
            ("ancestor=debian status=exited", {"builder"}),
        ],
    )
    def test_filters_of_docker_ps(self, shown: Window, words: str, found: set[str]) -> None:
        page = containers(shown)
        QTest.keyClicks(page.search, words)
        assert set(names(page)) == found

    def test_each_port_is_a_link(self, shown: Window, monkeypatch: pytest.MonkeyPatch) -> None:
        opened: list[str] = []
        monkeypatch.setattr(
            "desktop.ui.pages.containers.QDesktopServices.openUrl", lambda url: opened.append(url.toString())
        )
        page = containers(shown)
        choose(page, "web")
        index = page.table.currentIndex().siblingAtColumn(model.PORTS)
        place, viewport = page.table.visualRect(index), page.table.viewport()
        end = place.left() + page.table.fontMetrics().horizontalAdvance(index.data())
        for x in (place.left() + 12, end):
            QTest.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=QPoint(x, place.center().y()))
        assert opened == ["http://localhost:8080/", "https://localhost:8443/"]

    def test_a_menu_by_keyboard(self, shown: Window) -> None:
        page = containers(shown)
        choose(page, "web")
        menu = page.table.popup_menu()
        offered = [action.text() for action in menu.actions() if action.isEnabled() and action.text()]
        assert {"Stop", "Restart", "Pause", "Kill", "Remove…", "Show logs", "Rename…"} <= set(offered)
        menu.close()


def test_a_ports_address() -> None:
    assert model.port_address(Port(80, "tcp", "0.0.0.0", 8080)) == "http://localhost:8080/"
    assert model.port_address(Port(443, "tcp", "127.0.0.2", 8443)) == "https://127.0.0.2:8443/"
    assert model.port_address(Port(80, "tcp", "fd00::1", 81)) == "http://[fd00::1]:81/"


@pytest.mark.parametrize(
    ("addresses", "failure", "told"),
    [
        ((), "", ""),
        (("0.0.0.0", "::"), "", "reachable from your networks"),
        (("127.0.0.1", "::1"), "", "reachable from your computer only"),
        (("192.0.2.1",), "", "listening on 192.0.2.1"),
        (
            ("::1",),
            "your computer does not have this IPv6 address",
            "your computer does not have this IPv6 address",
        ),
    ],
)
def test_who_reaches_a_port(addresses: tuple[str, ...], failure: str, told: str) -> None:
    reports = [PortReport("tcp", address, 80, "172.17.0.2", 80, 0, failure) for address in addresses]
    assert model.reachability(reports) == told


class TestNetworks:
    def create(self, shown: Window) -> Form:
        page = go(shown, "networks")
        assert isinstance(page, NetworksPage)
        until(lambda: "bridge" in names(page))
        return page.create_dialog()

    @pytest.mark.parametrize(
        ("field", "text", "why"),
        [
            ("subnet", "300.0.0.0/8", "300"),
            ("subnet", "fd00::/64", "IPv6"),
            ("gateway", "10.0.0.1", "not in"),
            ("ip range", "172.30.0.0/8", "host bits"),
            ("labels", "nonsense", "NAME=value"),
        ],
    )
    def test_what_cannot_be_is_refused(self, shown: Window, field: str, text: str, why: str) -> None:
        form = self.create(shown)
        fill(form, name="back", subnet="172.30.0.0/16")
        fill(form, **{field: text})
        assert why in refusal(form, field)
        press(form, "Create")
        assert form.isVisible()

    def test_all_of_it_reaches_the_engine(self, shown: Window) -> None:
        form = self.create(shown)
        fill(form, name="back", subnet="172.30.0.0/16", gateway="172.30.0.9", labels="team=core, stage=test")
        press(form, "Create")
        page = go(shown, "networks")
        until(lambda: "back" in names(page))
        made: list[dict[str, object]] = []
        shown.session.bridge.call(shown.session.engine.networks.inspect("back"), made.append)
        until(lambda: made)
        assert made[0]["IPAM"] == {"Config": [{"Subnet": "172.30.0.0/16", "Gateway": "172.30.0.9"}]}
        assert made[0]["Labels"] == {"team": "core", "stage": "test"}

    def members(self, shown: Window) -> tuple[NetworkPage, MembersPanel]:
        page = go(shown, "networks")
        until(lambda: "shop_default" in names(page))
        choose(page, "shop_default")
        act(page, "details")
        detail = shown.stack.currentWidget()
        assert isinstance(detail, NetworkPage)
        panel = detail.tab("containers")
        assert isinstance(panel, MembersPanel)
        until(lambda: panel.table.records.rowCount() == 3)
        return detail, panel

    def test_del_disconnects_from_the_list_only(self, shown: Window) -> None:
        detail, panel = self.members(shown)
        first, second, third = (row.key for row in panel.table.visible_rows())
        panel.table.choose(first)
        for elsewhere in (panel.connect_button, panel.disconnect_button, detail.tabs.tabBar()):
            strike(elsewhere, Qt.Key.Key_Delete)
        panel.table.choose(second)
        strike(panel.table, Qt.Key.Key_Delete)
        until(lambda: second not in [row.key for row in panel.table.visible_rows()])
        assert [row.key for row in panel.table.visible_rows()] == [first, third]

    def test_connect_and_disconnect(self, shown: Window) -> None:
        _, panel = self.members(shown)
        rows = panel.table.records
        form = panel.connect_dialog()
        choice = form.findChildren(QComboBox)[0]
        choice.setCurrentIndex(choice.findText("web"))
        press(form, "Connect")
        until(lambda: rows.rowCount() == 4)
        panel.table.choose(*[row.key for row in rows.rows() if row.record.name == "shop-db-1"])
        QTest.mouseClick(panel.disconnect_button, Qt.MouseButton.LeftButton)
        until(lambda: "shop-db-1" not in [row.record.name for row in rows.rows()])
        users = shown.context.lists.containers
        until(lambda: all("shop_default" not in item.networks for item in users.items if item.name == "shop-db-1"))

    def test_remove(self, shown: Window) -> None:
        page = go(shown, "networks")
        until(lambda: "bridge" in names(page))
        shown.session.bridge.call(shown.session.engine.networks.create("spare"))
        until(lambda: "spare" in names(page))
        choose(page, "spare")
        act(page, "remove")
        agree()
        until(lambda: "spare" not in names(page))


class TestMany:
    @pytest.fixture
    def scenario(self) -> str:
        return "running,many"

    def test_what_is_on_the_screen_is_measured(self, shown: Window) -> None:
        """Each container's load is a stream: of 500 those are followed that somebody can see."""
        page = go(shown, "containers")
        until(lambda: len(names(page)) >= 500)

        def measured() -> bool:
            lines = [row.record for row in page.table.on_screen() if row.record.state == "running"]
            return len(lines) > 5 and all(line.usage is not None for line in lines)

        bar = page.table.verticalScrollBar()
        for place in (bar.maximum(), bar.minimum(), bar.maximum() // 2):
            bar.setValue(place)
            until(measured, "the load of every row that can be seen")


class TestAway:
    """The machine goes and comes back: nothing stale, nothing frozen."""

    @pytest.mark.parametrize("place", ["containers", "images", "volumes", "networks"])
    def test_a_list_says_why_it_is_empty_and_fills_again(self, shown: Window, place: str) -> None:
        page = go(shown, place)
        until(lambda: names(page))
        shown.session.stop()
        until(lambda: page.engine_away.isVisible() and page.engine_away.title.text() == "Stopped")
        assert names(page) == []
        assert not page.search.isEnabled()
        QTest.mouseClick(page.engine_away.start, Qt.MouseButton.LeftButton)
        until(lambda: names(page))
        assert page.table.isVisible()
        assert page.search.isEnabled()

    @pytest.mark.parametrize("tab", ["logs", "stats", "inspect", "files", "ports"])
    def test_a_containers_page_is_greyed_and_recovers(self, shown: Window, tab: str) -> None:
        page = containers(shown)
        choose(page, "builder")
        act(page, "details")
        detail = shown.stack.currentWidget()
        assert isinstance(detail, ContainerPage)
        detail.show_tab(tab)
        shown.session.stop()
        until(lambda: not detail.tabs.isEnabled())
        assert detail.state.text() == "The engine is not running"
        shown.session.start()
        until(detail.tabs.isEnabled)
        until(lambda: "Exited" in detail.state.text())
        assert shown.stack.currentWidget() is detail

    def test_a_supervisor_that_is_killed(self, shown: Window) -> None:
        page = containers(shown)
        choose(page, "web")
        act(page, "details")
        detail = shown.stack.currentWidget()
        assert isinstance(detail, ContainerPage)
        assert shown.session.status is not None
        assert shown.session.status.supervisor_pid is not None
        os.kill(shown.session.status.supervisor_pid, signal.SIGKILL)
        until(lambda: not detail.tabs.isEnabled())
        shown.show_place("containers")
        until(lambda: page.engine_away.title.text() == "Slipway is not running")
        assert names(page) == []
        QTest.mouseClick(page.engine_away.start, Qt.MouseButton.LeftButton)
        until(lambda: "web" in names(page), seconds=30)


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Space, Qt.Key.Key_Escape])
def test_a_question_loses_nothing_by_a_key_that_was_meant_for_another_window(shown: Window, key: Qt.Key) -> None:
    page = go(shown, "volumes")
    until(lambda: "cache" in names(page))
    choose(page, "cache")
    act(page, "remove")
    question = top(Question)
    focused = question.focusWidget()
    assert isinstance(focused, QPushButton)
    assert focused.text().replace("&", "") == "Cancel"
    QTest.keyClick(focused, key)
    until(lambda: QApplication.activeModalWidget() is None)
    assert "cache" in names(page)
