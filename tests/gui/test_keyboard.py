"""Everyday paths by keyboard alone: where the focus is, and what the next key does.

Also run in a real X server under a window manager (test_window_manager.py).
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QCheckBox, QDialog, QMenu, QPushButton, QWidget

from desktop.ui.pages.container import ContainerPage, LogPanel
from desktop.ui.pages.containers import ContainersPage
from desktop.ui.pages.images import ImagesPage
from desktop.ui.pages.networks import NetworksPage
from desktop.ui.pages.project import ProjectPage
from desktop.ui.pages.shell import ShellPanel
from desktop.ui.pages.volumes import VolumesPage
from desktop.ui.widgets.dialogs import Form, Question
from desktop.ui.widgets.listpage import ListPage
from desktop.ui.window import Window
from tests.gui.drive import act, choose, names, state, top
from tests.gui.stage import until

CTRL, ALT, SHIFT = (
    Qt.KeyboardModifier.ControlModifier,
    Qt.KeyboardModifier.AltModifier,
    Qt.KeyboardModifier.ShiftModifier,
)


def focus() -> QWidget:
    """What has the focus."""
    until(QApplication.focusWidget, "the focus")
    found = QApplication.focusWidget()
    assert found is not None
    return found


def key(pressed: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
    """Press a key, wherever the focus is."""
    QTest.keyClick(focus(), pressed, modifiers)


def write(text: str) -> None:
    """Type, wherever the focus is."""
    QTest.keyClicks(focus(), text)


def listed(shown: Window, place: str, key_of_place: Qt.Key) -> ListPage:
    """Go to a list by its shortcut, and wait for its rows; the focus is in it."""
    shown.raise_window()
    until(lambda: QApplication.activeWindow() is shown, "the window to be active")
    QTest.keyClick(shown, key_of_place, CTRL)
    page = shown.pages[place]
    assert isinstance(page, ListPage)
    until(lambda: names(page), "its rows")
    until(lambda: QApplication.focusWidget() is page.table, "the focus in the list")
    return page


def marked(page: ListPage) -> list[str]:
    """The names of the selected rows."""
    first = page.table.records.columns[0]
    return [first.text(row.record) for row in page.table.chosen()]


# -- lists --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("place", "number"),
    [
        ("containers", Qt.Key.Key_2),
        ("images", Qt.Key.Key_3),
        ("volumes", Qt.Key.Key_4),
        ("networks", Qt.Key.Key_5),
    ],
)
def test_down_begins_at_the_first_row(shown: Window, place: str, number: Qt.Key) -> None:
    page = listed(shown, place, number)
    every = names(page)
    key(Qt.Key.Key_Down)
    assert marked(page) == [every[0]]
    key(Qt.Key.Key_Down)
    assert marked(page) != [every[0]]
    key(Qt.Key.Key_End)
    assert marked(page) == [every[-1]]
    key(Qt.Key.Key_PageUp)
    assert marked(page) == [every[0]]


@pytest.mark.parametrize("pressed", [Qt.Key.Key_Home, Qt.Key.Key_End, Qt.Key.Key_PageDown, Qt.Key.Key_Up])
def test_every_movement_finds_the_only_row(shown: Window, pressed: Qt.Key) -> None:
    page = listed(shown, "containers", Qt.Key.Key_2)
    page.search.setText("sleeper")
    assert names(page) == ["sleeper"]
    key(pressed)
    assert marked(page) == ["sleeper"]


def test_the_menu_of_a_row(shown: Window) -> None:
    listed(shown, "containers", Qt.Key.Key_2)
    key(Qt.Key.Key_Down)
    key(Qt.Key.Key_F10, SHIFT)
    until(lambda: isinstance(QApplication.activePopupWidget(), QMenu), "the menu")
    menu = QApplication.activePopupWidget()
    assert menu is not None
    assert "Show logs" in [action.text() for action in menu.actions()]
    menu.close()


def test_escape_clears_a_search(shown: Window) -> None:
    page = listed(shown, "containers", Qt.Key.Key_2)
    key(Qt.Key.Key_F, CTRL)
    write("sleeper")
    assert names(page) == ["sleeper"]
    key(Qt.Key.Key_Escape)
    assert page.search.text() == ""
    assert len(names(page)) > 1


def test_a_project_has_a_page_and_back_leads_to_its_row(shown: Window) -> None:
    page = listed(shown, "containers", Qt.Key.Key_2)
    choose(page, "shop")
    act(page, "details")
    assert isinstance(shown.stack.currentWidget(), ProjectPage)
    assert focus().accessibleName() == "The project's logs"
    key(Qt.Key.Key_Escape)
    assert focus() is page.table
    assert marked(page) == ["shop"]


# -- pages of one object --------------------------------------------------------------------------------


def opened(shown: Window, name: str, pressed: Qt.Key, modifiers: Qt.KeyboardModifier) -> ContainerPage:
    """Open a container's page from the list by a key."""
    page = listed(shown, "containers", Qt.Key.Key_2)
    choose(page, name)
    key(pressed, modifiers)
    detail = shown.stack.currentWidget()
    assert isinstance(detail, ContainerPage)
    return detail


def terminal(shown: Window) -> ShellPanel:
    """Open the terminal of a container by its key; it has the focus."""
    page = listed(shown, "containers", Qt.Key.Key_2)
    choose(page, "web")
    key(Qt.Key.Key_T, CTRL)
    panel = shown.drawer.current
    assert isinstance(panel, ShellPanel)
    until(lambda: focus() is panel.terminal, "the focus in the terminal")
    return panel


def test_a_terminal_takes_the_keys(shown: Window) -> None:
    panel = terminal(shown)
    typed: list[bytes] = []
    panel.terminal.typed.connect(typed.append)
    write("ls")
    key(Qt.Key.Key_Escape)
    assert b"".join(typed) == b"ls\x1b"
    assert shown.drawer.isVisible(), "Esc is the program's"


def test_a_key_goes_to_the_terminals_and_back(shown: Window) -> None:
    panel, page = terminal(shown), shown.pages["containers"]
    assert isinstance(page, ListPage)
    key(Qt.Key.Key_QuoteLeft, CTRL)
    until(lambda: focus() is page.table, "the focus in the list")
    assert not shown.drawer.isVisible()
    assert panel.running
    key(Qt.Key.Key_QuoteLeft, CTRL)
    until(lambda: focus() is panel.terminal, "the focus in the terminal")


def test_back_leads_to_the_row(shown: Window) -> None:
    opened(shown, "web", Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier)
    assert focus().accessibleName() == "The container's log"
    key(Qt.Key.Key_Escape)
    page = shown.pages["containers"]
    assert isinstance(page, ListPage)
    assert focus() is page.table
    assert marked(page) == ["web"]
    current = page.table.records.row_of(page.table.currentIndex())
    assert current.record.name == "web"


def test_escape_in_a_log_clears_its_search_and_stays(shown: Window) -> None:
    detail = opened(shown, "web", Qt.Key.Key_G, CTRL)
    panel = detail.tab("logs")
    assert isinstance(panel, LogPanel)
    key(Qt.Key.Key_F, CTRL)
    write("GET")
    key(Qt.Key.Key_Escape)
    assert panel.search.text() == ""
    assert shown.stack.currentWidget() is detail


# -- dialogs --------------------------------------------------------------------------------


def test_return_on_the_verb_of_a_question_does_it(shown: Window) -> None:
    page = listed(shown, "containers", Qt.Key.Key_2)
    choose(page, "sleeper")
    key(Qt.Key.Key_Delete)
    question = top(Question)
    until(lambda: isinstance(focus(), QPushButton), "the focus on Cancel")
    assert focus() is not question.verb, "Return alone loses nothing"
    key(Qt.Key.Key_Backtab)
    assert isinstance(focus(), QCheckBox)
    key(Qt.Key.Key_Tab)
    assert focus() is not question.verb
    key(Qt.Key.Key_Tab)
    assert focus() is question.verb
    key(Qt.Key.Key_Return)
    until(lambda: "sleeper" not in names(page), "the removal")


def test_return_alone_loses_nothing(shown: Window) -> None:
    page = listed(shown, "containers", Qt.Key.Key_2)
    choose(page, "web")
    key(Qt.Key.Key_Delete)
    until(lambda: top(Question).isActiveWindow() and isinstance(focus(), QPushButton), "the question")
    key(Qt.Key.Key_Return)
    assert state(shown, "web") == "running"


def _volume(shown: Window) -> Form:
    page = shown.pages["volumes"]
    assert isinstance(page, VolumesPage)
    return page.create_dialog()


def _network(shown: Window) -> Form:
    page = shown.pages["networks"]
    assert isinstance(page, NetworksPage)
    return page.create_dialog()


def _pull(shown: Window) -> Form:
    page = shown.pages["images"]
    assert isinstance(page, ImagesPage)
    return page.pull_dialog()


@pytest.mark.parametrize(
    ("place", "number", "begin", "text"),
    [
        ("volumes", Qt.Key.Key_4, _volume, "by-keyboard"),
        ("networks", Qt.Key.Key_5, _network, "by-keyboard"),
        ("images", Qt.Key.Key_3, _pull, "busybox:1.37"),
    ],
)
def test_open_type_enter(
    shown: Window, place: str, number: Qt.Key, begin: Callable[[Window], Form], text: str
) -> None:
    page = listed(shown, place, number)
    form = begin(shown)
    until(lambda: form.isActiveWindow() and form.focusWidget() is not None, "the form")
    write(text)
    key(Qt.Key.Key_Return)
    until(lambda: any(name in text for name in names(page) if name not in ("host", "bridge", "none")), "it")


def test_rename(shown: Window) -> None:
    page = listed(shown, "containers", Qt.Key.Key_2)
    choose(page, "builder")
    key(Qt.Key.Key_F2)
    form = top(Form)
    until(lambda: form.isActiveWindow() and form.focusWidget() is not None, "the form")
    key(Qt.Key.Key_A, CTRL)
    write("built")
    key(Qt.Key.Key_Return)
    until(lambda: "built" in names(page), "the new name")


def test_run(shown: Window) -> None:
    page = listed(shown, "containers", Qt.Key.Key_2)
    assert isinstance(page, ContainersPage)
    QTest.keyClick(shown, Qt.Key.Key_N, CTRL)
    dialog = page.findChildren(QDialog)[0]
    until(lambda: dialog.isActiveWindow() and dialog.focusWidget() is not None, "the dialog")
    write("alpine:3.22")
    before = set(names(page))
    key(Qt.Key.Key_Return)
    until(lambda: set(names(page)) - before, "the container")
