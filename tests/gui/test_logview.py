"""A long log: what is looked for is found wherever it is; filters, columns, colours, links, copies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QTextCursor
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from desktop.ui.models.logs.book import LogBook
from desktop.ui.models.logs.lines import LineReader
from desktop.ui.theme import DARK, LIGHT, theme
from desktop.ui.widgets import logview
from desktop.ui.widgets.logview import LogView
from tests.gui.drive import strike
from tests.gui.stage import until


@pytest.fixture
def log(qapp: QApplication, qtbot: QtBot) -> LogView:
    """A hundred lines; every tenth says something, and each holds what takes Qt two units."""
    made = LogView("Log")
    qtbot.addWidget(made)
    made.append("".join(f"🐳 line {n}{' Needle' if n % 10 == 3 else ''}\n" for n in range(100)))
    made.resize(700, 400)
    made.show()
    return made


def chosen(log: LogView) -> tuple[int, str]:
    """Number of the line with the match, and what is selected."""
    cursor = log.text.textCursor()
    return cursor.blockNumber(), cursor.selectedText()


def rows(log: LogView) -> list[str]:
    until(lambda: not log.book.pending)
    return log.text.toPlainText().splitlines()


def looks(log: LogView) -> list[tuple[str, str, str]]:
    """What is coloured on the screen: text, ink and ground."""
    found: list[Any] = log.text.extraSelections()  # Qt's stubs lack their members
    return [
        (one.cursor.selectedText(), one.format.foreground().color().name(), one.format.background().color().name())
        for one in found
    ]


def test_matches_are_found_one_after_another(log: LogView) -> None:
    log.search.setText("needle")
    found = []
    for key in (None, Qt.Key.Key_Return, Qt.Key.Key_Return):
        if key is not None:
            QTest.keyClick(log.search, key)
        until(lambda: not log.searching)
        found.append((*chosen(log), log.found.text()))
    assert found == [
        (93, "Needle", "10 of 10"),  # the newest, then on from the beginning
        (3, "Needle", "1 of 10"),
        (13, "Needle", "2 of 10"),
    ]
    for line in (3, 93):
        log.find_next(backward=True)
        assert chosen(log) == (line, "Needle")
    assert not log.follow.isChecked()


def test_all_matches_on_the_screen_are_marked(log: LogView) -> None:
    log.search.setText("needle")
    until(lambda: not log.searching)
    ground = theme().colours.match_ground
    assert {text for text, _, behind in looks(log) if behind == ground} == {"Needle"}
    log.search.setText("")
    assert [one for one in looks(log) if one[2] == ground] == []


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
    log.setParent(None)


def test_a_search_goes_on_while_the_log_does(log: LogView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logview, "LOOK_LINES", 1)
    monkeypatch.setattr(logview, "TURN_SECONDS", 0.0)
    log.search.setText("line 50")
    assert log.searching
    assert log.found.text() == "Searching …"
    log.append("another\nand another line 50\n")
    until(lambda: not log.searching)
    assert (*chosen(log), log.found.text()) == (101, "line 50", "2 of 2")
    log.search.setText("what is nowhere")
    until(lambda: log.found.text() == "Not found")
    assert log.search.property("invalid")
    log.search.setText("")
    assert (log.found.text(), log.search.property("invalid")) == ("", False)


def test_regular_expressions(log: LogView) -> None:
    log.search.setText("line [12]3 ")
    until(lambda: log.found.text() == "Not found")
    QTest.mouseClick(log.regex, Qt.MouseButton.LeftButton)
    until(lambda: not log.searching)
    assert log.found.text() == "2 of 2"
    log.search.setText("line [")
    assert (log.found.text(), log.search.property("invalid")) == ("Not an expression", True)


def test_a_filter_hides_the_rest_and_follows(log: LogView) -> None:
    QTest.mouseClick(log.only, Qt.MouseButton.LeftButton)
    assert log.lines == 100
    log.search.setText("needle")
    assert [row.split()[2] for row in rows(log)] == [str(n) for n in range(3, 100, 10)]
    assert log.note.accessibleName() == "10 of 100 lines"
    assert log.follow.isChecked()
    log.append("nothing\na needle more\n")
    assert rows(log)[-1] == "a needle more"
    QTest.mouseClick(log.only, Qt.MouseButton.LeftButton)
    assert len(rows(log)) == 102


def test_what_was_at_the_top_stays_there(log: LogView) -> None:
    log.append("".join(f"{'ERROR' if n % 2 else 'INFO'} {n}\n" for n in range(100)))
    until(lambda: not log.book.pending)
    log.follow.setChecked(False)
    log.text.lead_to(121)
    for level, row in ((3, 10), (0, 121)):
        log.levels.actions()[level].trigger()
        until(lambda: not log.book.pending)
        assert log.text.first_row() == row
        assert log.text.firstVisibleBlock().text() == "ERROR 21"


def test_levels(log: LogView) -> None:
    log.append("ERROR one\n\tat two\nWARN three\nINFO four\n")
    colours = theme().colours
    seen = {text: ink for text, ink, _ in looks(log)}
    assert (seen["ERROR one"], seen["WARN three"]) == (colours.bad, colours.warn)
    assert "INFO four" not in seen
    log.levels.actions()[3].trigger()
    assert rows(log) == ["ERROR one", "\tat two"]
    assert log.level.accessibleName() == "Levels to show: errors"
    log.levels.actions()[0].trigger()
    assert len(rows(log)) == 104


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_of_programs_in_both_schemes(log: LogView, scheme: str) -> None:
    before = "dark" if theme().dark else "light"
    try:
        theme().use(scheme)
        log.append("\x1b[31mred\x1b[0m and \x1b[33myellow\x1b[0m\n")
        assert rows(log)[-1] == "red and yellow"
        seen = {text: ground for text, _, ground in looks(log)}
        assert seen["red"] == seen["yellow"] == (DARK if scheme == "dark" else LIGHT).field
    finally:
        theme().use(before)


def test_links_open_by_mouse_and_keyboard(log: LogView, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(QUrl(url).toString()))
    log.append("🐳 at http://localhost:8080/x now\n")
    until(lambda: not log.book.pending)
    inside = log.text.cursor_at(100, 10)
    log.text.setTextCursor(inside)
    place = log.text.cursorRect(inside).center()
    QTest.mouseClick(log.text.viewport(), Qt.MouseButton.LeftButton, pos=place)
    QTest.keyClick(log.text, Qt.Key.Key_Return)
    assert opened == ["http://localhost:8080/x"] * 2
    assert log.text.link_at(log.text.cursorRect(log.text.cursor_at(100, 2)).center()) == ""


def test_copies_are_plain_text(log: LogView) -> None:
    log.append("\x1b[31mred\x1b[0m\nand \x1b]8;;http://x/\x07a link\x1b]8;;\x07\n")
    until(lambda: not log.book.pending)
    cursor = log.text.cursor_at(100, 0)
    cursor.movePosition(QTextCursor.MoveOperation.End, QTextCursor.MoveMode.KeepAnchor)
    log.text.setTextCursor(cursor)
    QTest.keyClick(log.text, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)
    assert QGuiApplication.clipboard().text() == "red\nand a link"
    assert QGuiApplication.clipboard().mimeData().formats() == ["text/plain"]


def test_lines_of_several_are_in_the_order_of_their_times(qtbot: QtBot) -> None:
    view = LogView("Logs", timed=True)
    qtbot.addWidget(view)
    view.name_sources({"a": "web", "b": "a-database-with-a-very-long-name"})
    for source, second, text in (("a", 1, "first"), ("a", 3, "third"), ("b", 2, "second"), ("b", 4, "fourth")):
        view.add(LineReader(source, stamped=True).feed(f"2026-11-30T23:39:0{second}Z {text}\n".encode()))
    texts = rows(view)
    assert [text.split()[-1] for text in texts] == ["first", "second", "third", "fourth"]
    assert texts[0][16:] == f"{'web':24}  first"
    assert texts[1][16:] == "…e-with-a-very-long-name  second"
    view.follow.setChecked(False)
    view.name_sources({"a": "web"})
    assert [text[16:] for text in rows(view)] == ["first", "third"]


def test_many_late_lines_are_put_where_they_belong(qtbot: QtBot) -> None:
    view = LogView("Logs", timed=True)
    qtbot.addWidget(view)
    view.name_sources({"a": "web", "b": "db"})
    for source, numbers in (("a", range(0, 400, 2)), ("b", range(101, 400, 2)), ("b", range(1, 100, 2))):
        stamped = (f"2026-11-30T23:39:{n // 10:02}.{n % 10}Z {source}{n}\n" for n in numbers)
        view.add(LineReader(source, stamped=True).feed("".join(stamped).encode()))
    assert [int(text.split()[-1][1:]) for text in rows(view)] == list(range(400))
    assert view.lines == 400


def test_the_oldest_lines_go_and_that_is_said(log: LogView) -> None:
    log.book = LogBook(most_lines=50)
    log.clear()
    log.append("".join(f"{n}\n" for n in range(120)))
    found = rows(log)
    assert found[-1] == "119"
    assert 40 <= len(found) <= 50
    dropped = 120 - len(found)
    assert log.note.accessibleName() == f"{len(found)} lines  ·  {dropped} lines before them are no longer held"


def test_export(log: LogView, tmp_path: Path) -> None:
    log.append("\x1b[31mred\x1b[0m\n")
    log.export(tmp_path / "log.txt")
    until(lambda: "exported" in log.note.accessibleName())
    lines = (tmp_path / "log.txt").read_text(encoding="utf-8").splitlines()
    assert (len(lines), lines[-1]) == (101, "red")
    log.export(tmp_path / "missing" / "log.txt")
    until(lambda: "cannot be written" in log.note.accessibleName())


def test_clear_and_go_on(log: LogView) -> None:
    log.clear()
    assert (log.lines, log.text.toPlainText()) == (0, "")
    log.append("again\n")
    assert rows(log) == ["again"]


def test_the_keyboard_moves_in_the_text(log: LogView) -> None:
    until(lambda: not log.book.pending)
    log.text.setFocus()
    QTest.keyClick(log.text, Qt.Key.Key_Home, Qt.KeyboardModifier.ControlModifier)
    assert not log.follow.isChecked()
    QTest.keyClick(log.text, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert log.text.textCursor().selectedText().startswith("🐳 line 0")
    QTest.keyClick(log.text, Qt.Key.Key_End, Qt.KeyboardModifier.ControlModifier)
    assert log.follow.isChecked()
