"""The switch between Linux and Windows containers in the window: offered, asked about, followed, cancelled."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLabel, QMenu

from desktop.ui.pages.home.logs import LogsDialog
from desktop.ui.switching import SetupDialog, SwitchDialog, ask_to_set_up
from desktop.ui.tray import Tray
from desktop.ui.window import Window
from tests.gui.drive import agree, messages, press, top
from tests.gui.stage import home, until, window


@pytest.fixture
def two(qapp: QApplication, request: pytest.FixtureRequest) -> Iterator[Window]:
    """A window of a Slipway that has both engines."""
    with home(getattr(request, "param", "running,two")), window(qapp) as made:
        until(lambda: made.session.running, "the engine")
        yield made


def pick(shown: Window, kind: str) -> str:
    """Choose one of this computer's engines by the keyboard; what the button says."""
    dialog = shown.choose_engine()
    rows = dialog.table.visible_rows()
    dialog.table.choose(next(row.key for row in rows if row.record.kind == kind))
    words = dialog.verb.text()
    QTest.keyClick(dialog, Qt.Key.Key_Return)
    return words


def os_of(shown: Window) -> str:
    status = shown.session.status
    return status.engine.os if status is not None and status.engine is not None else ""


def test_by_the_choice_of_the_engine(two: Window) -> None:
    assert "Linux containers" in two.side.engine.accessibleName()
    assert pick(two, "Windows containers") == "Switch to Windows containers"
    assert agree().windowTitle() == "Switch to Windows containers?"
    until(lambda: os_of(two) == "windows", "the switch")
    until(lambda: "Windows containers are in use" in messages(two), "the outcome")
    until(lambda: "Windows containers" in two.side.engine.accessibleName(), "the header")
    pick(two, "Linux containers")
    agree()
    until(lambda: os_of(two) == "linux", "the way back")


def test_one_that_is_not_there_says_why(qapp: QApplication) -> None:
    with home("running"), window(qapp) as shown:
        until(lambda: shown.session.running, "the engine")
        dialog = shown.choose_engine()
        rows = {row.record.kind: row for row in dialog.table.visible_rows()}
        dialog.table.choose(rows["Windows containers"].key)
        assert not dialog.verb.isEnabled()
        assert dialog.reason.text().startswith(("Needs a Windows computer. ", "Windows Home has none. "))
        assert "This computer" in shown.side.engine.accessibleName()
        dialog.reject()


@pytest.mark.parametrize("two", ["running,two,slow"], indirect=True)
def test_it_can_be_cancelled(two: Window) -> None:
    pick(two, "Windows containers")
    agree()
    dialog = top(SwitchDialog)
    until(lambda: "Starting the engine" in dialog.status.text(), "its progress")
    press(dialog, "Cancel")
    until(lambda: any("Cancelled" in text for text in messages(two)), "the message")
    status = two.session.status
    assert status is not None
    assert [one.in_use for one in status.engines] == [True, False]


@pytest.mark.parametrize("two", ["running,two,bare"], indirect=True)
def test_what_is_not_set_up_is_set_up_from_here(two: Window) -> None:
    pick(two, "Windows containers")
    agree()
    dialog = top(SwitchDialog)
    until(lambda: "not set up" in dialog.status.text(), "the reason")
    press(dialog, "Set up Windows containers")
    question = agree()
    assert question.windowTitle() == "Set Windows containers up?"
    shown = " ".join(part.text() for part in question.findChildren(QLabel))
    assert "The Windows feature “Containers”: the setup switches it on" in shown
    until(lambda: any("Restart Windows" in text for text in messages(two)), "the outcome")


@pytest.mark.parametrize("two", ["running,two,bare,refused"], indirect=True)
def test_a_setup_that_is_refused_can_be_tried_again(two: Window) -> None:
    ask_to_set_up(two, two.context)
    agree()
    dialog = top(SetupDialog)
    until(lambda: "It was not allowed, and nothing has changed" in dialog.status.text(), "the refusal")
    press(dialog, "Try the setup again")
    agree()
    until(lambda: any("Restart Windows" in text for text in messages(two)), "the outcome")


def test_its_log_is_followed_while_it_is_looked_at(two: Window) -> None:
    dialog = LogsDialog(two, two.context)
    dialog.open()
    dialog.source.setCurrentText("Windows engine")
    until(lambda: "API listen" in dialog.view.text.toPlainText(), "what is there")
    until(lambda: "a second line" in dialog.view.text.toPlainText(), "what came later")
    assert dialog.view.text.toPlainText().count("API listen") == 1
    dialog.reject()


def test_by_the_tray(two: Window) -> None:
    tray = Tray(two.session, two.show, lambda: None, lambda: None, two.switch, lambda _: None, QMenu())
    try:
        assert tray.switch.text() == "Switch to Windows containers"
        tray.switch.trigger()
        agree()
        until(lambda: tray.switch.text() == "Switch to Linux containers", "the switch")
    finally:
        tray.close()
