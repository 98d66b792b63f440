"""Images on their way: pulls and loads have rows in the list of images until it shows what has come."""

from __future__ import annotations

import time

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.ui.activities import Job
from desktop.ui.context import Context
from desktop.ui.models.activity import Kind, State
from desktop.ui.models.images import Line, arriving_line, split_tag

KINDS = {Kind.PULL: "Pulling", Kind.LOAD: "Loading"}
UPDATE_MS = 200
"""Between two updates of how far they are."""


class Arriving(QObject):
    """Those of one engine."""

    changed = Signal()

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context
        self._jobs: dict[str, tuple[Job, int]] = {}
        self._before: dict[str, str] = {}
        self._done: set[str] = set()
        self._soon = QTimer(self, singleShot=True, interval=UPDATE_MS)
        self._soon.timeout.connect(self.changed)
        activities = context.session.activities
        activities.began.connect(self._begin)
        activities.ended.connect(self._end)
        context.lists.images.changed.connect(self._settle)
        context.view.gone.connect(self._forget)
        for job in activities.jobs:
            self._begin(job)

    def lines(self) -> list[Line]:
        """One for each."""
        return [
            arriving_line(key, job.order.subject, self._words(key, job), began, self._context.view.origin)
            for key, (job, began) in self._jobs.items()
            if self._present(job) == self._before[key]  # else the list has what has come
        ]

    def job(self, line: Line) -> Job | None:
        """What brings an image; None when it has come."""
        found = self._jobs.get(line.image.id)
        return found[0] if found is not None else None

    def _present(self, job: Job) -> str:
        """The image that has the name now; empty: none."""
        name = ":".join(split_tag(job.order.subject))
        return next((item.id for item in self._context.lists.images.items if name in item.tags), "")

    def _words(self, key: str, job: Job) -> str:
        fraction = 1.0 if key in self._done else job.reader.fraction
        return f"{KINDS[job.order.kind]} {'…' if fraction is None else f'{100 * fraction:.0f} %'}"

    def _begin(self, job: Job) -> None:
        if job.order.kind in KINDS and job.order.engine == self._context.engine_words:
            self._jobs[job.key] = job, int(time.time())
            self._before[job.key] = self._present(job)
            job.changed.connect(lambda _: None if self._soon.isActive() else self._soon.start())
            self.changed.emit()

    def _end(self, job: Job) -> None:
        if job.key not in self._jobs:
            return
        if job.activity.state is State.DONE:
            self._done.add(job.key)
            self._context.lists.images.refresh()
        else:
            del self._jobs[job.key]
        self.changed.emit()

    def _settle(self) -> None:
        """The list shows what has come."""
        if self._done and self._context.lists.images.settled:
            self._jobs = {key: found for key, found in self._jobs.items() if key not in self._done}
            self._done.clear()
            self.changed.emit()

    def _forget(self) -> None:
        self._jobs.clear()
        self._done.clear()
        self.changed.emit()
