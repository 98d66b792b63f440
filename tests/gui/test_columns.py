"""Columns and filters of the lists: chosen, moved, sized, kept; the least important go where space is short."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QRadioButton, QToolButton
from pytestqt.qtbot import QtBot

from desktop.ui.models.containers import NAME, STATUS
from desktop.ui.models.records import Column, Row
from desktop.ui.widgets.listpage import ListPage
from desktop.ui.widgets.table import Table
from desktop.ui.window import Window
from tests.gui.drive import go, names
from tests.gui.stage import home, until, window

COLUMNS = (
    Column("Name", str, width=0),
    Column("Digest", str, width=100, rank=2),
    Column("Size", str, width=100, rank=1),
    Column("State", str, width=100),
)


@pytest.fixture
def table(qapp: QApplication, qtbot: QtBot) -> Table:
    """Three columns beside the name."""
    made = Table(COLUMNS, "Things")
    qtbot.addWidget(made)
    made.records.update_rows([Row("a", "a")])
    made.resize(600, 200)
    made.show()
    return made


def shown_columns(table: Table) -> list[str]:
    """Their titles, from left to right."""
    header = table.header()
    order = sorted(range(header.count()), key=header.visualIndex)
    return [table.records.columns[n].title for n in order if not header.isSectionHidden(n)]


@pytest.mark.parametrize(
    ("width", "titles"),
    [
        (600, ["Name", "Digest", "Size", "State"]),
        (400, ["Name", "Size", "State"]),
        (300, ["Name", "State"]),
        (150, ["Name", "State"]),
    ],
)
def test_the_least_important_go_first(table: Table, width: int, titles: list[str]) -> None:
    table.resize(width, 200)
    assert shown_columns(table) == titles
    table.resize(600, 200)
    assert shown_columns(table) == ["Name", "Digest", "Size", "State"]


def test_what_the_user_wants_stays(table: Table) -> None:
    table.columns.show_column(1, True)
    table.resize(400, 200)
    assert shown_columns(table) == ["Name", "Digest", "State"]
    table.columns.show_column(3, False)
    assert shown_columns(table) == ["Name", "Digest"] or shown_columns(table) == ["Name", "Digest", "Size"]
    table.columns.reset()
    assert shown_columns(table) == ["Name", "Size", "State"]


def test_the_first_column_is_not_offered(table: Table) -> None:
    menu = table.columns.menu()
    assert [action.text() for action in menu.actions() if action.text()] == [
        "Digest",
        "Size",
        "State",
        "Reset the columns",
    ]
    menu.close()


def test_what_is_kept_comes_back(table: Table, qtbot: QtBot) -> None:
    header = table.header()
    header.moveSection(header.visualIndex(3), 1)
    header.resizeSection(2, 150)
    table.columns.show_column(1, False)
    table.sortByColumn(2, Qt.SortOrder.DescendingOrder)
    other = Table(COLUMNS, "Things")
    qtbot.addWidget(other)
    other.resize(600, 200)
    other.show()
    other.columns.restore(table.columns.state())
    assert shown_columns(other) == ["Name", "State", "Size"]
    assert other.header().sectionSize(2) == 150
    assert other.header().sortIndicatorSection() == 2
    assert other.columns.state() == table.columns.state()


@pytest.mark.parametrize(
    "state", [{}, {"off": 3, "widths": [], "order": ["?"], "sort": None}, {"widths": {"Size": "x"}}]
)
def test_what_cannot_be_read_is_passed_over(table: Table, state: dict[str, object]) -> None:
    table.columns.restore(state)
    assert shown_columns(table) == ["Name", "Digest", "Size", "State"]


def test_columns_are_kept_from_start_to_start(qapp: QApplication) -> None:
    with home("running"):
        with window(qapp) as first:
            page = go(first, "containers")
            button = next(one for one in page.findChildren(QToolButton) if one.accessibleName() == "Columns")
            menu = button.menu()
            assert isinstance(menu, QMenu)
            menu.aboutToShow.emit()
            next(action for action in menu.actions() if action.text() == "Status").trigger()
            assert page.table.isColumnHidden(STATUS)
            page.table.sortByColumn(NAME, Qt.SortOrder.DescendingOrder)
        with window(qapp) as second:
            page = go(second, "containers")
            assert page.table.isColumnHidden(STATUS)
            until(lambda: "web" in names(page))
            assert names(page)[0] != "builder"
            assert page.table.header().sortIndicatorOrder() is Qt.SortOrder.DescendingOrder


def test_filters_with_their_numbers_by_keyboard(shown: Window) -> None:
    page = go(shown, "containers")
    until(lambda: "web" in names(page))
    assert page.filters.texts() == ["All  7", "Running  5", "Not running  2"]
    first = page.filters.findChildren(QRadioButton)[0]
    first.setFocus()
    QTest.keyClick(first, Qt.Key.Key_Right)
    assert page.filters.place == 1
    assert "builder" not in names(page)
    page.show_all()
    assert page.filters.place == 0


@pytest.mark.parametrize("place", ["images", "volumes", "networks"])
def test_every_list_counts(shown: Window, place: str) -> None:
    page = go(shown, place)
    assert isinstance(page, ListPage)
    until(lambda: page.filters.texts()[0] != "All")
    counts = [int(text.split()[-1].replace(",", "")) for text in page.filters.texts()]
    assert counts[0] == len(page.table.records.rows())
    assert all(count <= counts[0] for count in counts)
