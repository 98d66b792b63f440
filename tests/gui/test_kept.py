"""What stays when another page is shown: the place in a log, what is searched for, the size of the text."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from desktop.ui.models.logs.levels import Level
from desktop.ui.models.logs.lines import LogLine
from desktop.ui.models.logs.looks import Kept, Looks
from desktop.ui.models.logs.moments import NANO
from desktop.ui.pages.container import LogPanel
from desktop.ui.pages.containers import ContainersPage
from desktop.ui.pages.project import ProjectLogs, ProjectPage
from desktop.ui.widgets.keptlog import KeptLog
from desktop.ui.widgets.terminal import Terminal
from desktop.ui.widgets.zoom import zoom
from desktop.ui.window import Window
from tests.gui.drive import go, names
from tests.gui.stage import until

LINES = [LogLine(number * NANO, "web", Level.NONE, f"line {number}") for number in range(1, 1001)]


@pytest.fixture
def text_size() -> Iterator[None]:
    """It is as usual afterwards."""
    yield
    zoom().step(0)


def log() -> KeptLog:
    made = KeptLog("A log", timed=True)
    made.resize(600, 300)
    made.show()
    return made


def test_the_place_in_a_log_is_found_again_when_its_lines_come(qapp: QApplication) -> None:
    first = log()
    first.add(LINES)
    until(lambda: first.lines == 1000, "the lines")
    first.follow.setChecked(False)
    first.text.lead_to(400)
    looks = first.looks()
    assert looks.top == LINES[400].moment
    second = log()
    second.set_looks(looks)
    assert second.looks() == looks, "also while it has no lines"
    for place in range(0, 1000, 100):
        second.add(LINES[place : place + 100])
        QApplication.processEvents()
    until(lambda: second.lines == 1000, "the lines")
    assert second.text.first_row() == 400
    second.add([LogLine(2000 * NANO, "web", Level.NONE, "another")])
    until(lambda: second.lines == 1001, "the line")
    assert second.text.first_row() == 400
    first.close()
    second.close()


def test_a_log_whose_end_was_followed_follows_it(qapp: QApplication) -> None:
    first, second = log(), log()
    first.add(LINES)
    second.set_looks(first.looks())
    second.add(LINES)
    until(lambda: second.lines == 1000, "the lines")
    bar = second.text.verticalScrollBar()
    assert bar.value() == bar.maximum()
    first.close()
    second.close()


def test_only_so_many_are_kept() -> None:
    kept = Kept(most=2)
    looks = Looks("", regex=False, only=False, level=0, times=True, wrap=False, top=0)
    for key in ("a", "b", "a", "c"):
        kept.keep(key, looks)
    assert [key for key in "abc" if kept.recall(key)] == ["a", "c"]


def opened(shown: Window, name: str) -> LogPanel:
    page = go(shown, "containers")
    until(lambda: name in names(page), name)
    assert isinstance(page, ContainersPage)
    record = next(row.record for row in page.table.visible_rows() if row.record.name == name)
    panel = page.open(record).tab("logs")
    assert isinstance(panel, LogPanel)
    return panel


def test_what_is_searched_for_stays(shown: Window) -> None:
    panel = opened(shown, "web")
    until(lambda: panel.lines == 5, "its lines")
    panel.search.setText("GET")
    for button in (panel.only, panel.wrap, panel.times):
        QTest.mouseClick(button, Qt.MouseButton.LeftButton)
    panel.outputs.actions()[1].trigger()
    until(lambda: panel.lines == 3, "the matches")
    go(shown, "images")
    assert opened(shown, "builder").search.text() == "", "another container's log has its own"
    again = opened(shown, "web")
    until(lambda: again.lines == 3, "the matches")
    assert again.search.text() == "GET"
    assert (again.only.isChecked(), again.wrap.isChecked(), again.times.isChecked()) == (True, True, False)
    assert again.outputs.checkedAction().text() == "Standard output"


def test_a_projects_log_has_its_own(shown: Window) -> None:
    def project() -> ProjectLogs:
        page = ProjectPage(shown.context, "shop")
        shown.show_page(page)
        panel = page.tab("logs")
        assert isinstance(panel, ProjectLogs)
        return panel

    project().search.setText("ERROR")
    go(shown, "images")
    assert project().search.text() == "ERROR"


def test_the_size_of_text(shown: Window, text_size: None) -> None:
    panel = opened(shown, "web")
    usual = panel.text.fontInfo().pixelSize()
    panel.text.setFocus()
    QTest.keyClick(panel.text, Qt.Key.Key_Plus, Qt.KeyboardModifier.ControlModifier)
    QTest.keyClick(panel.text, Qt.Key.Key_Plus, Qt.KeyboardModifier.ControlModifier)
    assert panel.text.fontInfo().pixelSize() == usual + 2
    terminal = Terminal("A terminal")
    terminal.resize(800, 400)
    terminal.show()
    rows, columns = terminal.size_in_cells
    sent: list[bytes] = []
    terminal.typed.connect(sent.append)
    for _ in range(3):
        QTest.keyClick(terminal, Qt.Key.Key_Minus, Qt.KeyboardModifier.ControlModifier)
    assert panel.text.fontInfo().pixelSize() == usual - 1
    assert terminal.size_in_cells > (rows, columns)
    QTest.keyClick(terminal, Qt.Key.Key_0, Qt.KeyboardModifier.ControlModifier)
    assert panel.text.fontInfo().pixelSize() == usual
    assert sent == []
    terminal.close()
