"""A build in progress: its steps with state and time, the output of the selected step, and cancel."""

from __future__ import annotations

import time
from collections.abc import Callable

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QDialogButtonBox, QSplitter, QWidget

from desktop.ui.context import Context
from desktop.ui.models import builds as model
from desktop.ui.models.builds import DOTS, Builds, duration
from desktop.ui.widgets.basics import button
from desktop.ui.widgets.logview import LogView
from desktop.ui.widgets.progress import WorkDialog
from desktop.ui.widgets.table import Table
from engine.client.build.build import Build
from engine.client.build.trace import Trace
from vm.errors import UserError

TICK_MS = 500
"""Milliseconds between updates of the times of running steps."""


class BuildDialog(WorkDialog):
    """The dialog of one build.

    :param run: opens the “Run” dialog for an image.
    """

    def __init__(self, parent: QWidget, context: Context, build: Build, run: Callable[[str], object]) -> None:
        self.build = build
        self.name = build.tags[0] if build.tags else build.folder.name
        self._run = run
        self._began = time.time()
        images = context.engine.images
        super().__init__(
            parent, context, f"Building {self.name}", lambda: images.build(build), f"Built {self.name}"
        )
        self.resize(860, 600)

    def body(self) -> QWidget:
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
        self.timer = QTimer(self, interval=TICK_MS)
        self.timer.timeout.connect(self._refresh)
        self.timer.start()
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.setChildrenCollapsible(False)
        parts.setHandleWidth(1)
        parts.addWidget(self.table)
        parts.addWidget(self.log)
        parts.setSizes([280, 220])
        return parts

    def take(self, steps: list[Trace]) -> None:
        for trace in steps:
            self.builds.take(trace)
        self._refresh()

    def _refresh(self) -> None:
        self.table.records.update_rows(self.builds.rows())
        if not self.done_with:
            took = duration(time.time() - self._began)
            self.set_status(
                f"{self.builds.summary()}  ·  {took}" if self.builds.vertexes else "Sending the folder …"
            )
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
        if self.done_with:
            self.log.finish()

    def done_well(self) -> None:
        self._end()
        took = duration(time.time() - self._began)
        self.set_status(f"{self.outcome}  ·  {self.builds.summary()}  ·  {took}", "good")
        self.context.banners.show_message("done", self.outcome)
        run = button("Run…", self._run_it, picture="play", primary=True)
        self.buttons.addButton(run, QDialogButtonBox.ButtonRole.ActionRole)
        self.offer_close()

    def _run_it(self) -> None:
        self.accept()
        self._run(self.name if self.build.tags else self.builds.image)

    def failed(self, error: UserError) -> None:
        self._end()
        super().failed(error)

    def _end(self) -> None:
        self.done_with = True
        self.timer.stop()
        self.builds.end()
        self._refresh()
