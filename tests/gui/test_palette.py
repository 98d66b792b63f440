"""The palette: a few letters find anything, and the keyboard is enough."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from desktop.ui.models.fuzzy import score
from desktop.ui.pages.container import ContainerPage
from desktop.ui.pages.palette import Palette
from desktop.ui.pages.run import RunDialog
from desktop.ui.pages.settings.page import SettingsPage
from desktop.ui.widgets.dialogs import Question
from desktop.ui.window import Window
from tests.gui.drive import state, top
from tests.gui.stage import until

CTRL = Qt.KeyboardModifier.ControlModifier


def opened(shown: Window, typed: str = "") -> Palette:
    """The palette by its shortcut, with something typed."""
    shown.raise_window()
    until(shown.isActiveWindow, "the window")
    QTest.keyClick(shown, Qt.Key.Key_K, CTRL)
    palette = top(Palette)
    until(lambda: QApplication.focusWidget() is palette.typed, "the focus in the field")
    QTest.keyClicks(palette.typed, typed)
    return palette


def press(palette: Palette, key: Qt.Key) -> None:
    QTest.keyClick(palette.typed, key)


def titles(palette: Palette) -> list[str]:
    return [choice.title for choice in palette.found()]


def test_return_opens_an_object(shown: Window) -> None:
    palette = opened(shown, "slee")
    until(lambda: titles(palette)[:1] == ["sleeper"], "the container")
    press(palette, Qt.Key.Key_Return)
    until(lambda: isinstance(shown.stack.currentWidget(), ContainerPage), "its page")
    assert shown.place == "containers"


def test_right_shows_what_can_be_done(shown: Window) -> None:
    palette = opened(shown, "web")
    assert palette.found()[0].kind == "Container"
    press(palette, Qt.Key.Key_Right)
    assert {"Stop", "Restart", "Show logs"} <= set(titles(palette))
    assert "Start" not in titles(palette), "it runs"
    press(palette, Qt.Key.Key_Left)
    assert palette.found()[0].title == "builder" or "web" in titles(palette), "back"
    QTest.keyClicks(palette.typed, "web")
    press(palette, Qt.Key.Key_Right)
    QTest.keyClicks(palette.typed, "stop")
    press(palette, Qt.Key.Key_Return)
    until(lambda: state(shown, "web") == "exited", "the stop")


def test_a_removal_still_asks(shown: Window) -> None:
    palette = opened(shown, "builder")
    press(palette, Qt.Key.Key_Right)
    QTest.keyClicks(palette.typed, "remove")
    press(palette, Qt.Key.Key_Return)
    assert top(Question).windowTitle() == "Remove “builder”?"
    top(Question).reject()


def test_commands_pages_and_settings(shown: Window) -> None:
    palette = opened(shown, "run a c")
    press(palette, Qt.Key.Key_Return)
    top(RunDialog).reject()
    palette = opened(shown, "memory")
    until(lambda: "Setting" in {choice.kind for choice in palette.found()}, "the settings")
    while palette.found()[int(palette.table.chosen()[0].key)].kind != "Setting":
        press(palette, Qt.Key.Key_Down)
    press(palette, Qt.Key.Key_Return)
    page = shown.stack.currentWidget()
    assert isinstance(page, SettingsPage)
    palette = opened(shown, "netw")
    assert ("Page", "Networks") in {(choice.kind, choice.title) for choice in palette.found()}
    press(palette, Qt.Key.Key_Escape)
    until(lambda: not [item for item in QApplication.topLevelWidgets() if isinstance(item, Palette)])


def test_nothing_is_found(shown: Window) -> None:
    palette = opened(shown, "qqqqq")
    assert titles(palette) == []
    press(palette, Qt.Key.Key_Return)
    assert palette.isVisible(), "there is nothing to do"
    palette.reject()


@pytest.mark.parametrize(
    ("typed", "texts"),
    [
        ("web", ["web", "web-2", "shop-web-1", "wide-ember"]),
        ("sd", ["shop-db-1", "sand", "used"]),
        ("pull", ["Pull an image…", "full-pull"]),
        ("RC", ["run container", "architect"]),
    ],
)
def test_the_better_match_is_first(typed: str, texts: list[str]) -> None:
    scores = {text: score(typed, text) for text in texts}
    assert None not in scores.values()
    assert sorted(texts, key=lambda text: scores[text] or 0, reverse=True) == texts


@pytest.mark.parametrize(("typed", "text"), [("bew", "web"), ("webx", "web"), ("a", "")])
def test_letters_that_are_not_there(typed: str, text: str) -> None:
    assert score(typed, text) is None
