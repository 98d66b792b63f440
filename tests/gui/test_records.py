"""Rows that are changed, filtered, ordered and chosen in any sequence: what is shown is what should be."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QAbstractItemModelTester
from PySide6.QtWidgets import QApplication

from desktop.ui.models.records import Column, Row
from desktop.ui.widgets.table import Table

COLUMNS = (Column("Name", lambda item: item[0], width=0), Column("Size", lambda item: "", lambda item: item[1]))
STEPS = 50


class Person:
    """Does something at random, and knows what has to be seen then."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.table = Table(COLUMNS, "Anything", tree=True, unfolded=bool(seed % 2))
        self.table.records.search_in(lambda item: item[0])
        self.rows: list[Row] = []
        self.word, self.refused = "", -1
        self.chosen: set[str] = set()
        self.steps: tuple[Callable[[], object], ...] = (
            self.change,
            self.search,
            self.keep,
            self.order,
            self.choose,
        )

    def change(self) -> None:
        dice = self.random
        kept = [row for row in self.rows if dice.random() < 0.8]
        kept = [row if dice.random() < 0.6 else self._row(int(row.key)) for row in kept]
        new = {int(row.key) for row in kept}
        kept += [self._row(number) for number in dice.sample(range(40), 12) if number not in new]
        self.rows = kept
        self.table.records.update_rows(kept)

    def _row(self, number: int) -> Row:
        dice = self.random
        parts = dice.sample(range(4), dice.randint(0, 3)) if number % 4 == 0 else ()
        children = tuple(Row(f"{number}/{part}", (f"part{part}", dice.randint(0, 4))) for part in parts)
        return Row(f"{number}", (f"name{number}", dice.randint(0, 4)), children)

    def search(self) -> None:
        self.word = self.random.choice(("", "1", "name2", "part", "nothing"))
        self.table.search(self.word)

    def keep(self) -> None:
        self.refused = refused = self.random.randint(-1, 4)
        self.table.records.keep(lambda item: item[1] != refused)

    def order(self) -> None:
        self.table.sortByColumn(self.random.randint(0, 1), self.random.choice(list(Qt.SortOrder)))

    def choose(self) -> None:
        if self.random.random() < 0.3:
            self.table.selectAll()
        else:
            self.table.choose(*(row.key for row in self.table.visible_rows() if self.random.random() < 0.2))
        self.chosen = {row.key for row in self.table.chosen()}

    def fits(self, item: Any) -> bool:
        return item[1] != self.refused and self.word in item[0]

    def expected(self) -> set[str]:
        """Keys of what has to be shown."""
        found: set[str] = set()
        for row in self.rows:
            inside = {child.key for child in row.children if self.fits(child.record)}
            found |= {row.key, *inside} if inside or self.fits(row.record) else set()
        return found


@pytest.mark.parametrize("seed", range(6))
def test_any_sequence(qapp: QApplication, seed: int) -> None:
    person = Person(seed)
    table, records = person.table, person.table.records
    tester = QAbstractItemModelTester(records, QAbstractItemModelTester.FailureReportingMode.Fatal)
    table.show()
    for _ in range(STEPS):
        person.random.choice(person.steps)()
        shown = {row.key for row in table.visible_rows()}
        assert shown == person.expected()
        person.chosen &= shown
        assert {row.key for row in table.chosen()} == person.chosen
        header = table.header()
        tops = [records.row_of(records.index(number, 0)).record for number in range(records.rowCount())]
        values = [item[header.sortIndicatorSection()] for item in tops]
        assert values == sorted(values, reverse=header.sortIndicatorOrder() is Qt.SortOrder.DescendingOrder)
    assert tester is not None
    table.close()
