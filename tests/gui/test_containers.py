"""Containers: the list and one container's page, by the window's own buttons, fields and menus."""

from __future__ import annotations

import re
import time
from typing import Any

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QLabel, QPushButton, QWidget

from desktop.supervisor.fake.engine import STUBBORN
from desktop.ui.models import containers as model
from desktop.ui.pages import log
from desktop.ui.pages.container import ContainerPage, LogPanel, PlacesPanel
from desktop.ui.pages.containers import ContainersPage
from desktop.ui.pages.shell import ShellPanel
from desktop.ui.theme import theme
from desktop.ui.widgets import periodic_refresh
from desktop.ui.widgets.dialogs import Form
from desktop.ui.window import Window
from tests.gui.drive import act, agree, choose, fill, go, messages, names, press, state, top
from tests.gui.stage import until


class TestContainers:
    def test_projects_are_groups_and_filters_narrow(self, shown: Window) -> None:
        page = go(shown, "containers")
        until(lambda: "shop" in names(page))
        assert {"web", "builder", "sleeper", "shop-db-1"} <= set(names(page))
        page.filters.choose("Running")
        assert "builder" not in names(page)
        assert "web" in names(page)
        page.filters.choose("All")
        QTest.keyClicks(page.search, "postgres")
        assert names(page) == ["shop", "shop-db-1"]

    @pytest.mark.parametrize(
        ("operation", "name", "after"),
        [
            ("stop", "web", "exited"),
            ("kill", "web", "exited"),
            ("pause", "web", "paused"),
            ("unpause", "sleeper", "running"),
            ("start", "builder", "running"),
            ("restart", "web", "running"),
        ],
    )
    def test_one_operation(self, shown: Window, operation: str, name: str, after: str) -> None:
        page = go(shown, "containers")
        until(lambda: name in names(page))
        choose(page, name)
        act(page, operation)
        until(lambda: state(shown, name) == after)
        assert messages(shown) == []

    def test_how_long_it_is_up_is_looked_at_again(self, shown: Window, monkeypatch: pytest.MonkeyPatch) -> None:
        """No event says that “Up 2 seconds” is no longer true."""
        monkeypatch.setattr(periodic_refresh, "PERIOD_MS", 40)
        open_container(shown, "web", "logs")
        fetched: list[str] = []
        shown.context.lists.containers.changed.connect(lambda: fetched.append("now"))
        until(lambda: len(fetched) >= 3)
        found = shown.stack.currentWidget().findChild(periodic_refresh.PeriodicRefresh)
        assert found is not None
        assert found.timer.isActive()
        go(shown, "images")
        until(lambda: not found.timer.isActive())

    def test_many_at_once_and_what_does_not_apply_is_greyed_out(self, shown: Window) -> None:
        page = go(shown, "containers")
        until(lambda: "shop" in names(page))
        assert not page.actions_by_name["stop"].isEnabled()
        choose(page, "shop", "web")
        assert not page.actions_by_name["rename"].isEnabled()
        act(page, "stop")
        until(
            lambda: (
                {state(shown, name) for name in ("web", "shop-db-1", "shop-web-1", "shop-cache-1")} == {"exited"}
            )
        )

    def test_stubborn_containers_are_stopped_in_parallel(self, shown: Window) -> None:
        """Ten that take a second each: one after the other that would be ten seconds."""
        wanted = [f"stubborn-{number}" for number in range(10)]
        config = {"Image": "alpine:3.22", "Labels": {STUBBORN: "1"}}

        async def make() -> None:
            engine = shown.session.engine
            for name in wanted:
                await engine.containers.start(await engine.containers.create(config, name=name))

        shown.session.bridge.call(make())
        page = go(shown, "containers")
        until(lambda: set(wanted) <= set(names(page)))
        choose(page, *wanted)
        began = time.monotonic()
        act(page, "stop")
        until(lambda: {state(shown, name) for name in wanted} == {"exited"})
        assert 1 <= time.monotonic() - began < 5
        assert messages(shown) == []

    def test_remove_asks_and_says_that_it_runs(self, shown: Window) -> None:
        page = go(shown, "containers")
        until(lambda: "web" in names(page))
        choose(page, "web")
        act(page, "remove")
        question = agree()
        assert "web" in question.windowTitle()
        until(lambda: "web" not in names(page))
        assert state(shown, "web") == ""

    def test_rename_refuses_bad_names_in_place(self, shown: Window) -> None:
        page = go(shown, "containers")
        until(lambda: "web" in names(page))
        choose(page, "web")
        act(page, "rename")
        form = top(Form)
        fill(form, **{"new name": "no blanks"})
        press(form, "Rename")
        assert form.isVisible()
        fill(form, **{"new name": "front"})
        press(form, "Rename")
        until(lambda: "front" in names(page))

    def test_a_refusal_is_told_and_the_rest_done(self, shown: Window) -> None:
        page = go(shown, "containers")
        until(lambda: "web" in names(page))

        async def call(engine: Any, key: str) -> None:
            await engine.containers.remove(key)

        running = {item.name: item.id for item in shown.context.lists.containers.items}
        subjects = [(running["web"], "web"), (running["builder"], "builder")]
        shown.context.each(subjects, call, "{} could not be removed", "Removing")
        until(lambda: messages(shown) == ["web could not be removed"])
        until(lambda: "builder" not in names(page))
        assert "web" in names(page)

    def test_ports_are_links(self, shown: Window, monkeypatch: pytest.MonkeyPatch) -> None:
        opened: list[str] = []
        monkeypatch.setattr(
            "desktop.ui.pages.containers.QDesktopServices.openUrl", lambda url: opened.append(url.toString())
        )
        page = go(shown, "containers")
        until(lambda: "web" in names(page))
        choose(page, "web")
        place = page.table.visualRect(page.table.currentIndex().siblingAtColumn(model.PORTS))
        assert place.isValid()
        inside = QPoint(place.left() + 12, place.center().y())
        QTest.mouseClick(page.table.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, inside)
        assert opened == ["http://localhost:8080/"]


def open_container(shown: Window, name: str, tab: str) -> Any:
    page = go(shown, "containers")
    until(lambda: name in names(page))
    assert isinstance(page, ContainersPage)
    choose(page, name)
    detail = page.open(page.table.chosen()[0].record, tab)
    assert isinstance(detail, ContainerPage)
    assert shown.stack.currentWidget() is detail
    return detail.tab(tab)


def open_terminal(shown: Window, name: str) -> ShellPanel:
    page = go(shown, "containers")
    until(lambda: name in names(page))
    assert isinstance(page, ContainersPage)
    choose(page, name)
    return page.terminal(page.table.chosen()[0].record)


def published(panel: QWidget) -> set[str]:
    """The published ports that are shown."""
    return {button.text() for button in panel.findChildren(QPushButton) if button.isVisible()}


class TestContainer:
    def test_logs_are_followed_over_a_restart(self, shown: Window) -> None:
        panel = open_container(shown, "web", "logs")
        assert isinstance(panel, LogPanel)
        until(lambda: "web is ready" in panel.text.toPlainText())
        lists = shown.context.lists.containers
        key = next(item.id for item in lists.items if item.name == "web")
        shown.session.bridge.call(shown.session.engine.containers.restart(key))
        until(lambda: panel.text.toPlainText().count("web is ready") == 2)

    def test_errors_and_standard_error(self, shown: Window) -> None:
        panel = open_container(shown, "web", "logs")
        assert isinstance(panel, LogPanel)
        until(lambda: "GET / 304" in panel.text.toPlainText())
        bad = theme().colour("bad")
        looks: list[Any] = panel.text.extraSelections()  # Qt's stubs lack their members
        red = [look.cursor.selectedText() for look in looks if look.format.foreground() == bad]
        assert [text.split("]")[0] for text in red] == ["[error"]
        panel.outputs.actions()[2].trigger()
        until(lambda: panel.lines == 1 and "[error]" in panel.text.toPlainText())

    def test_earlier_lines(self, shown: Window, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(log, "TAIL", 2)
        panel = open_container(shown, "web", "logs")
        assert isinstance(panel, LogPanel)
        until(lambda: panel.lines == 2)
        panel.earlier.trigger()
        until(lambda: "web is ready" in panel.text.toPlainText())

    def test_the_terminal_types_shows_resizes_and_detaches(self, shown: Window) -> None:
        panel = open_terminal(shown, "web")
        terminal = panel.terminal
        until(lambda: "/ #" in "\n".join(terminal.lines()))
        QTest.keyClicks(terminal, "echo hello")
        QTest.keyClick(terminal, Qt.Key.Key_Return)
        until(lambda: "hello" in terminal.lines())
        QTest.keyClicks(terminal, "size")
        QTest.keyClick(terminal, Qt.Key.Key_Return)
        rows, columns = terminal.size_in_cells
        until(lambda: f"{rows} {columns}" in terminal.lines())
        QTest.keyClick(terminal, Qt.Key.Key_P, Qt.KeyboardModifier.ControlModifier)
        QTest.keyClick(terminal, Qt.Key.Key_Q, Qt.KeyboardModifier.ControlModifier)
        until(lambda: "Detached" in panel.note.text())
        QTest.mouseClick(panel.again, Qt.MouseButton.LeftButton)
        until(lambda: "/ #" in "\n".join(terminal.lines()))
        QTest.keyClicks(terminal, "exit 3")
        QTest.keyClick(terminal, Qt.Key.Key_Return)
        until(lambda: "exit code 3" in panel.note.text())

    def test_a_terminal_in_a_stopped_container_says_why_not(self, shown: Window) -> None:
        panel = open_terminal(shown, "builder")
        until(lambda: "not running" in panel.note.text())

    def test_a_terminal_keeps_its_keys(self, shown: Window) -> None:
        """Esc, Ctrl+L, Ctrl+N and F5 are for the program inside, not the window's shortcuts."""
        panel = open_terminal(shown, "web")
        until(lambda: "/ #" in "\n".join(panel.terminal.lines()))
        sent: list[bytes] = []
        panel.terminal.typed.connect(sent.append)
        for key in (Qt.Key.Key_L, Qt.Key.Key_N, Qt.Key.Key_F):
            QTest.keyClick(panel.terminal, key, Qt.KeyboardModifier.ControlModifier)
        for key in (Qt.Key.Key_Escape, Qt.Key.Key_F5):
            QTest.keyClick(panel.terminal, key)
        assert sent == [b"\x0c", b"\x0e", b"\x06", b"\x1b", b"\x1b[15~"]
        assert shown.place == "containers"

    def test_a_container_without_a_shell_says_so(self, shown: Window) -> None:
        config = {"Image": "alpine:3.22", "Labels": {"stand-in.no-shell": "1"}}

        async def make() -> None:
            engine = shown.session.engine
            await engine.containers.start(await engine.containers.create(config, name="bare"))

        shown.session.bridge.call(make())
        panel = open_terminal(shown, "bare")
        until(lambda: "This container has no shell" in panel.note.text())
        assert "".join(panel.terminal.lines()) == ""

    def test_copy_and_paste_in_a_terminal(self, shown: Window) -> None:
        panel = open_terminal(shown, "web")
        terminal = panel.terminal
        until(lambda: "/ #" in "\n".join(terminal.lines()))
        both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
        QGuiApplication.clipboard().setText("echo pasted\n")
        QTest.keyClick(terminal, Qt.Key.Key_V, both)
        until(lambda: "pasted" in terminal.lines())
        place = terminal.cell_rect(2, terminal.lines().index("pasted"), 1).center()
        QTest.mouseDClick(terminal, Qt.MouseButton.LeftButton, pos=place)
        QTest.keyClick(terminal, Qt.Key.Key_C, both)
        assert QGuiApplication.clipboard().text() == "pasted"

    def test_a_log_by_stream_and_with_times(self, shown: Window) -> None:
        panel = open_container(shown, "web", "logs")
        assert isinstance(panel, LogPanel)
        until(lambda: "web is ready" in panel.text.toPlainText())
        panel.outputs.actions()[2].trigger()
        until(lambda: "web is ready" not in panel.text.toPlainText())
        panel.outputs.actions()[1].trigger()
        until(lambda: "web is ready" in panel.text.toPlainText())
        when = panel.text.toPlainText().splitlines()[0].removesuffix("web is ready")
        assert re.fullmatch(r"\d\d:\d\d:\d\d\.\d{3} {4}", when)
        QTest.mouseClick(panel.times, Qt.MouseButton.LeftButton)
        until(lambda: panel.text.toPlainText().startswith("web is ready"))

    def test_inspect_finds(self, shown: Window) -> None:
        panel = open_container(shown, "web", "inspect")
        until(lambda: panel.tree.topLevelItemCount() > 3)
        QTest.keyClicks(panel.search, "nginx:1.29")
        shown_items = [
            panel.tree.topLevelItem(number).text(0)
            for number in range(panel.tree.topLevelItemCount())
            if not panel.tree.topLevelItem(number).isHidden()
        ]
        assert shown_items == ["Config"]
        assert '"Name": "/web"' in panel.raw.toPlainText()

    def test_ports_and_mounts_follow_the_container(self, shown: Window) -> None:
        panel = open_container(shown, "web", "ports")
        until(lambda: published(panel) == {"localhost:8080", "localhost:8443"})
        words = {one.text() for one in panel.findChildren(QLabel)}
        assert "→ 80/tcp in the container, reachable from your networks" in words
        detail = shown.stack.currentWidget()
        assert isinstance(detail, ContainerPage)
        shown.session.bridge.call(shown.session.engine.containers.stop(detail.container.id))
        until(lambda: not published(panel))
        shown.session.bridge.call(shown.session.engine.containers.start(detail.container.id))
        until(lambda: published(panel) == {"localhost:8080", "localhost:8443"})

    def test_a_published_port_is_told_once_with_its_address(self, shown: Window) -> None:
        panel = open_container(shown, "web", "ports")
        assert isinstance(panel, PlacesPanel)
        bindings = {
            "53/udp": [{"HostIp": "127.0.0.2", "HostPort": "53"}],
            "443/tcp": [{"HostIp": "127.0.0.2", "HostPort": "8443"}],
            "80/tcp": [{"HostIp": address, "HostPort": "8080"} for address in ("0.0.0.0", "::")],
        }
        until(lambda: published(panel) == {"localhost:8080", "localhost:8443"})
        panel.show_places({"NetworkSettings": {"Ports": bindings}}, [])
        until(lambda: published(panel) == {"127.0.0.2:8443", "localhost:8080"})

    def test_its_page_pauses_resumes_and_removes(self, shown: Window) -> None:
        open_container(shown, "web", "inspect")
        detail = shown.stack.currentWidget()
        assert isinstance(detail, ContainerPage)
        buttons = {item.name: button for item, button in detail.operations}
        QTest.mouseClick(buttons["pause"], Qt.MouseButton.LeftButton)
        until(lambda: buttons["unpause"].isVisible() and buttons["unpause"].isEnabled())
        assert not buttons["pause"].isVisible()
        assert not buttons["start"].isEnabled()
        QTest.mouseClick(buttons["unpause"], Qt.MouseButton.LeftButton)
        until(lambda: buttons["pause"].isVisible() and buttons["kill"].isEnabled())
        QTest.mouseClick(buttons["remove"], Qt.MouseButton.LeftButton)
        agree()
        until(lambda: detail.state.text() == "Removed")
        assert not any(button.isEnabled() for button in buttons.values())
