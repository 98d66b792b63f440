"""A build in progress: its steps with state and time, the output of the selected step, and cancel."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QDialogButtonBox, QWidget

from desktop.ui.activities import Job
from desktop.ui.context import Context
from desktop.ui.models.builds import Builds
from desktop.ui.models.format import duration
from desktop.ui.widgets.basics import button
from desktop.ui.widgets.buildview import BuildView
from desktop.ui.widgets.progress import WorkDialog
from vm.errors import UserError

TICK_MS = 500
"""Milliseconds between updates of the times of running steps."""


class BuildDialog(WorkDialog):
    """The dialog of one build.

    :param run: opens the “Run” dialog for an image.
    """

    def __init__(self, parent: QWidget, context: Context, job: Job, run: Callable[[str], object]) -> None:
        self._run = run
        self._began = time.time()
        super().__init__(parent, context, job)
        self.resize(860, 600)

    def body(self) -> QWidget:
        assert isinstance(self.job.reader, Builds)
        self.view = BuildView()
        self.table, self.log = self.view.table, self.view.log
        self.view.show_builds(self.job.reader)
        self.timer = QTimer(self, interval=TICK_MS)
        self.timer.timeout.connect(self._refresh)
        self.timer.start()
        return self.view

    def take(self, steps: list[Any]) -> None:
        self._refresh()

    def _refresh(self) -> None:
        self.view.refresh()
        if not self.done_with:
            took = duration(time.time() - self._began)
            note = self.job.reader.note
            self.set_status(f"{note}  ·  {took}" if self.view.builds.vertexes else note)

    def done_well(self) -> None:
        self._end()
        took = duration(time.time() - self._began)
        self.set_status(f"{self.job.order.outcome}  ·  {self.job.reader.note}  ·  {took}", "good")
        run = button("Run…", self._run_it, picture="play", primary=True)
        self.buttons.addButton(run, QDialogButtonBox.ButtonRole.ActionRole)
        self.offer_close()

    def _run_it(self) -> None:
        self.accept()
        tags = self.job.order.arguments["tags"]
        self._run(tags[0] if tags else self.view.builds.image)

    def failed(self, error: UserError) -> None:
        self._end()
        super().failed(error)

    def _end(self) -> None:
        self.timer.stop()
        self._refresh()
