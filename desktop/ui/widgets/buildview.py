"""A build: its steps with state and time, and the output of the chosen one. The same while it runs and later."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QSplitter

from desktop.ui.models import builds as model
from desktop.ui.models.builds import DOTS, Builds
from desktop.ui.theme import GAP
from desktop.ui.widgets.logview import LogView
from desktop.ui.widgets.table import Table


class BuildView(QSplitter):
    """Shows one build at a time. :param side_by_side: steps and output are; else the output is below."""

    def __init__(self, *, side_by_side: bool = False) -> None:
        super().__init__(Qt.Orientation.Horizontal if side_by_side else Qt.Orientation.Vertical)
        self.builds = Builds()
        self.table = Table(model.COLUMNS, "Steps of the build")
        self.table.setSortingEnabled(False)
        self.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)  # steps stay in order of arrival
        self.table.records.sort(-1)
        self.table.setSelectionMode(Table.SelectionMode.SingleSelection)
        self.table.delegate.dots[model.STEP] = lambda step: DOTS.get(step.state, step.state)
        self.table.delegate.quiet.update({model.STATE, model.NOTE, model.TIME})
        self.log = LogView("Output of the step")
        self._shown, self._length = "", 0
        self._chosen_by_hand = False
        self.table.clicked.connect(lambda: self._choose_by_hand())
        self.table.chosen_changed.connect(self._show_output)
        if side_by_side:
            self.log.setContentsMargins(GAP, 0, 0, 0)
        self.setChildrenCollapsible(False)
        self.setHandleWidth(1)
        self.addWidget(self.table)
        self.addWidget(self.log)
        self.setSizes([460, 300] if side_by_side else [280, 220])
        self.setFocusProxy(self.table)

    def show_builds(self, builds: Builds) -> None:
        """Show another build."""
        self.builds = builds
        self._shown, self._length = "", 0
        self._chosen_by_hand = False
        self.log.clear()
        self.refresh()

    def refresh(self) -> None:
        """Show what the build has come to."""
        self.table.records.update_rows(self.builds.rows())
        if not self._chosen_by_hand and (current := self.builds.current()):
            self._choose(current)
        self._show_output()

    def _choose_by_hand(self) -> None:
        self._chosen_by_hand = True

    def _choose(self, key: str) -> None:
        if [row.key for row in self.table.chosen()] != [key]:
            self.table.choose(key)
            self.table.scrollTo(self.table.currentIndex())

    def _show_output(self) -> None:
        chosen = self.table.chosen()
        key = chosen[0].key if chosen else ""
        text = self.builds.output.get(key, "")
        if key != self._shown or len(text) < self._length:
            self.log.clear()
            self._shown, self._length = key, 0
        self.log.append(text[self._length :])
        self._length = len(text)
        if self.builds.ended:
            self.log.finish()
