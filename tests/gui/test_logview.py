"""A long log: what is looked for is found wherever it is, in slices."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from desktop.ui.widgets import logsearch
from desktop.ui.widgets.logview import LogView
from tests.gui.drive import strike
from tests.gui.stage import until


@pytest.fixture
def log(qapp: QApplication) -> LogView:
    """A hundred lines; every tenth says something, and each holds what takes Qt two units."""
    made = LogView("Log")
    made.append("".join(f"🐳 line {n}{' Needle' if n % 10 == 3 else ''}\n" for n in range(100)))
    return made


def chosen(log: LogView) -> tuple[int, str]:
    """Number of the line with the match, and what is selected."""
    cursor = log.text.textCursor()
    return cursor.blockNumber(), cursor.selectedText()


@pytest.mark.parametrize("size", [8, 1 << 16])
def test_matches_are_found_one_after_another(log: LogView, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(logsearch, "SLICE", size)
    log.search.setText("needle")
    found = []
    for key in (None, Qt.Key.Key_Return, Qt.Key.Key_Return):
        if key is not None:
            QTest.keyClick(log.search, key)
        until(lambda: not log.searching)
        found.append(chosen(log))
    assert found == [(93, "Needle"), (3, "Needle"), (13, "Needle")]  # the newest, then on from the beginning
    for line in (3, 93):
        log.find_next(backward=True)
        until(lambda: not log.searching)
        assert chosen(log) == (line, "Needle")
    assert not log.follow.isChecked()
    assert log.found.text() == ""


def test_f3_is_for_the_log_with_the_focus(log: LogView, qtbot: QtBot) -> None:
    holder, beside, other = QWidget(), QPushButton("Beside"), LogView("Another log")
    layout = QVBoxLayout(holder)
    for part in (log, beside, other):
        layout.addWidget(part)
    qtbot.addWidget(holder)
    holder.show()
    log.search.setText("needle")
    until(lambda: not log.searching)
    for elsewhere in (beside, other.text):
        strike(elsewhere, Qt.Key.Key_F3)
        assert (log.searching, chosen(log)) == (False, (93, "Needle"))
    for inside, line in ((log.text, 3), (log.search, 13)):
        strike(inside, Qt.Key.Key_F3)
        until(lambda: not log.searching)
        assert chosen(log) == (line, "Needle")


def test_a_search_goes_on_while_the_log_does(log: LogView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logsearch, "SLICE", 8)
    monkeypatch.setattr(logsearch, "TURN_SECONDS", 0.0)
    log.text.setMaximumBlockCount(60)  # those before line 40 are dropped
    log.search.setText("line 50")
    assert log.searching
    assert log.found.text() == "Searching …"
    log.append("another\nand another\n")
    until(lambda: not log.searching)
    assert chosen(log)[1] == "line 50"
    log.search.setText("what is nowhere")
    until(lambda: log.found.text() == "Not found")
    assert log.search.property("invalid")
    log.search.setText("")
    assert (log.found.text(), log.search.property("invalid")) == ("", False)
