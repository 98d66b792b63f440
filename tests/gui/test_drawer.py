"""Terminals as tabs below the pages: they stay, several of one container, and a shell where there is none."""

from __future__ import annotations

from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QTabBar, QToolButton

from desktop.ui.pages.containers import ContainersPage
from desktop.ui.pages.shell import Kind, ShellPanel
from desktop.ui.widgets.dialogs import Question
from desktop.ui.window import Window
from engine.client.models import OURS
from tests.gui.drive import agree, go, names, top
from tests.gui.stage import until


def opened(shown: Window, name: str = "web") -> ShellPanel:
    """A terminal that has its prompt."""
    page = go(shown, "containers")
    until(lambda: name in names(page), name)
    assert isinstance(page, ContainersPage)
    panel = page.terminal(next(row.record for row in page.table.visible_rows() if row.record.name == name))
    until(lambda: prompted(panel), "the prompt")
    return panel


def prompted(panel: ShellPanel) -> bool:
    return "/ #" in "\n".join(panel.terminal.lines())


def titles(shown: Window) -> list[str]:
    """The words of the tabs."""
    return [shown.drawer.tabs.tabText(place) for place in range(shown.drawer.tabs.count())]


def close(shown: Window, place: int) -> None:
    """Press the button of a tab."""
    made = shown.drawer.tabs.tabBar().tabButton(place, QTabBar.ButtonPosition.RightSide)
    assert isinstance(made, QToolButton)
    QTest.mouseClick(made, Qt.MouseButton.LeftButton)


def write(panel: ShellPanel, words: str) -> None:
    QTest.keyClicks(panel.terminal, words)
    QTest.keyClick(panel.terminal, Qt.Key.Key_Return)


def test_a_terminal_survives_other_pages(shown: Window) -> None:
    panel = opened(shown)
    write(panel, "echo before")
    until(lambda: "before" in panel.terminal.lines(), "the answer")
    for place in ("images", "home", "containers"):
        shown.show_place(place)
    assert panel.terminal.isVisible()
    write(panel, "echo after")
    until(lambda: {"before", "after"} <= set(panel.terminal.lines()), "both answers")


def test_the_same_container_has_one_until_another_is_asked_for(shown: Window) -> None:
    panel = opened(shown)
    assert opened(shown) is panel
    QTest.mouseClick(shown.drawer.add, Qt.MouseButton.LeftButton)
    assert titles(shown) == ["web", "web (2)"]
    second = shown.drawer.current
    assert isinstance(second, ShellPanel)
    assert second is not panel
    until(lambda: prompted(second), "its prompt")
    write(panel, "echo one")
    until(lambda: "one" in panel.terminal.lines(), "the answer")
    assert "one" not in second.terminal.lines()


def test_what_runs_is_not_closed_without_a_question(shown: Window) -> None:
    panel = opened(shown)
    close(shown, 0)
    top(Question).reject()
    assert titles(shown) == ["web"]
    close(shown, 0)
    assert "web" in agree().windowTitle()
    assert titles(shown) == []
    assert not shown.drawer.isVisible()
    panel = opened(shown)
    write(panel, "exit 0")
    until(lambda: not panel.running, "its end")
    close(shown, 0)
    assert titles(shown) == []


def test_the_height_is_kept(shown: Window) -> None:
    opened(shown)
    drawer = shown.drawer
    parts = drawer.below(shown.stack)
    parts.setSizes([parts.height() - 200, 200])
    parts.splitterMoved.emit(0, 0)
    before = drawer.height()
    drawer.toggle()
    assert not drawer.isVisible()
    drawer.toggle()
    until(lambda: drawer.height() == before, "the height of before")


@pytest.mark.parametrize("size", [(960, 560), (1280, 800)])
def test_there_is_room_for_a_page_and_a_terminal(shown: Window, size: tuple[int, int]) -> None:
    shown.resize(*size)
    opened(shown)
    until(lambda: shown.stack.height() >= 120 and shown.drawer.height() >= 120, "both")
    assert (shown.width(), shown.height()) == size


def test_a_debug_shell_where_there_is_none(shown: Window) -> None:
    """It runs beside the container; when it is closed nothing is left of it."""

    async def make() -> None:
        engine = shown.session.engine
        config = {"Image": "alpine:3.22", "Labels": {"stand-in.no-shell": "1"}}
        await engine.containers.start(await engine.containers.create(config, name="bare"))

    def ours() -> list[Any]:
        found: list[Any] = []

        async def look() -> list[Any]:
            return await shown.session.engine.containers.list(all=True, filters={"label": [OURS]})

        shown.session.bridge.call(look(), found.append)
        until(lambda: found, "the list")
        return list(found[0])

    shown.session.bridge.call(make())
    page = go(shown, "containers")
    until(lambda: "bare" in names(page), "it")
    assert isinstance(page, ContainersPage)
    panel = page.terminal(next(row.record for row in page.table.visible_rows() if row.record.name == "bare"))
    until(lambda: panel.debug.isVisible(), "the offer")
    assert panel.note.text() == "This container has no shell."
    QTest.mouseClick(panel.debug, Qt.MouseButton.LeftButton)
    assert titles(shown) == ["Debug shell beside bare"]
    until(lambda: prompted(panel), "the prompt")
    assert [one.labels[OURS] for one in ours()] == ["debug"]
    assert "debug" not in names(page)
    shown.drawer.close_all()
    until(lambda: not ours(), "its end")


def test_a_debug_shell_of_what_does_not_run_says_so(shown: Window) -> None:
    page = go(shown, "containers")
    until(lambda: "builder" in names(page), "it")
    assert isinstance(page, ContainersPage)
    panel = page.terminal(next(row.record for row in page.table.visible_rows() if row.record.name == "builder"))
    panel.connect_to(Kind.DEBUG)
    until(lambda: panel.note.text() == "The container is not running. Start it first.", "the reason")
    assert not panel.running
