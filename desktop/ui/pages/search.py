"""The dialog that searches Docker Hub and pulls a result."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QCheckBox, QComboBox, QDialog, QLineEdit, QStackedWidget, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.models.records import Column, Row
from desktop.ui.theme import GAP, MARGIN
from desktop.ui.widgets.basics import button, label, row
from desktop.ui.widgets.empty_state import EmptyState
from desktop.ui.widgets.table import Table
from engine.client.models import Found
from vm.errors import UserError

LIMITS = ("25", "50", "100")

COLUMNS = (
    Column("Name", lambda item: item.name, width=220),
    Column("Description", lambda item: item.description, width=0),
    Column("Stars", lambda item: f"{item.stars}", lambda item: -item.stars, width=70, right=True),
    Column("Official", lambda item: "official" if item.official else "", width=80),
)


class SearchDialog(QDialog):
    """Searches Docker Hub."""

    def __init__(self, parent: QWidget, context: Context, pull: Callable[[str], object]) -> None:
        super().__init__(parent)
        self.setWindowTitle("Search Docker Hub")
        self.resize(820, 520)
        self._context, self._pull = context, pull
        self.term = QLineEdit(placeholderText="Name or word", clearButtonEnabled=True)
        self.term.setAccessibleName("Name or word")
        self.official = QCheckBox("Official images only")
        self.limit = QComboBox()
        self.limit.addItems([f"Up to {limit}" for limit in LIMITS])
        self.limit.setAccessibleName("Number of results")
        self.table = Table(COLUMNS, "Images found")
        self.note = label("", "muted", wrap=True)
        self.empty = EmptyState("search", "Search for images", "Enter a name or a word, for example “postgres”.")
        self._stack = QStackedWidget()
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.table)
        self.take = button("Pull…", self._take, picture="pull", primary=True)
        self.take.setEnabled(False)
        search = button("Search", self.search, picture="search")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        outer.setSpacing(GAP + 4)
        outer.addWidget(label("Search Docker Hub", "section"))
        outer.addLayout(row(self.term, self.official, self.limit, search))
        outer.addWidget(self._stack, 1)
        outer.addLayout(row(self.note, None, button("Close", self.reject), self.take))
        self.term.returnPressed.connect(self.search)
        self.table.opened.connect(lambda found: self._take())
        self.table.chosen_changed.connect(lambda: self.take.setEnabled(len(self.table.chosen()) == 1))

    def search(self) -> None:
        """Search for the term."""
        term = self.term.text().strip()
        if not term:
            self.term.setFocus()
            return
        self.note.setText("Searching …")
        images = self._context.engine.images
        limit = int(LIMITS[self.limit.currentIndex()])
        work = images.search(term, limit=limit, official=self.official.isChecked())
        self._context.session.bridge.call(work, self._show, self._failed, owner=self)

    def _show(self, found: list[Found]) -> None:
        self.table.records.update_rows([Row(item.name, item) for item in found])
        self.note.setText(f"{len(found)} found" if found else "")
        if not found:
            self.empty.set_text("Nothing found", "Check the spelling or try a single word.")
        self._stack.setCurrentWidget(self.table if found else self.empty)

    def _failed(self, error: UserError) -> None:
        self.note.setText("")
        self.empty.set_text(error.message, error.hint)
        self._stack.setCurrentWidget(self.empty)

    def _take(self) -> None:
        for found in self.table.chosen()[:1]:
            self.accept()
            self._pull(found.record.name)
