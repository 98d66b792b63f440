"""The one place that runs what the user asks for: each operation is a job, and what came of it is kept.

A dialog or a page shows a job and may be closed; the job goes on. What it has come to is in its reader, a model
that knows no Qt.
"""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from PySide6.QtCore import QIODevice, QObject, QSaveFile, QTimer, Signal

from desktop.ui.bridge import Bridge, Failed
from desktop.ui.models.activity import MAX_OUTPUT, Activity, ActivityLog, Failure, Kind, State
from desktop.ui.models.reader import Reader
from vm.errors import UserError

log = logging.getLogger(__name__)

T = TypeVar("T")

SAVE_MS = 1000
"""From an end to the file, so that the ends of a burst share it."""


@dataclass(frozen=True)
class Order:
    """What is to be done.

    :ivar steps: begins it.    :ivar outcome: the message when it has succeeded; empty: none.
    :ivar reader: makes what its steps come to.    :ivar subject: what it is about, such as an image's name.
    :ivar arguments: with which a later window can repeat it (jobs.py).
    :ivar hook: is given each job that does it.    :ivar on_cancel: called besides, when the user cancels it.
    :ivar repeatable: whether another try is offered.
    """

    kind: Kind
    title: str
    steps: Callable[[], AsyncIterator[Any]]
    outcome: str = ""
    reader: Callable[[], Reader] = Reader
    subject: str = ""
    engine: str = ""
    arguments: Mapping[str, Any] = field(default_factory=dict)
    hook: Callable[[Job], object] = lambda job: None
    on_cancel: Callable[[], object] = lambda: None
    repeatable: bool = True

    @property
    def can_be_cancelled(self) -> bool:
        """Whether giving it up means something to the engine."""
        return self.kind is not Kind.CHANGE


class Job(QObject):
    """One operation under way. :ivar watched: a dialog shows it, and will show its end.

    :ivar error: why it has failed.
    """

    changed = Signal(list)
    """With its new steps."""

    succeeded = Signal()
    failed = Signal(object)
    cancelled = Signal()

    def __init__(self, activities: Activities, order: Order, key: str) -> None:
        super().__init__(activities)
        self._activities = activities
        self.order, self.key = order, key
        self.reader = order.reader()
        self.watched = False
        self.error: UserError | None = None
        self._work = activities.bridge.follow(order.steps, self._take, self._done, self._failed, owner=self)

    @property
    def activity(self) -> Activity:
        """How it is."""
        found = self._activities.log.get(self.key)
        assert found is not None
        return found

    @property
    def running(self) -> bool:
        """Whether it is under way."""
        found = self._activities.log.get(self.key)
        return found is not None and found.running

    def cancel(self) -> None:
        """Give it up; does nothing when it has ended."""
        if not self.running:
            return
        self._work.cancel()
        self.order.on_cancel()
        self._end(State.CANCELLED)
        self.cancelled.emit()

    def _take(self, steps: list[Any]) -> None:
        self.reader.take(steps)
        self._activities.update(self)
        self.changed.emit(steps)

    def _done(self) -> None:
        self._end(State.DONE)
        self.succeeded.emit()

    def _failed(self, error: UserError) -> None:
        self.error = error
        self._end(State.FAILED, Failure.of(error))
        self.failed.emit(error)

    def _end(self, state: State, failure: Failure | None = None) -> None:
        self._activities.end(self, state, failure)


class Activities(QObject):
    """All jobs of the window, and what is kept of earlier ones. Its signals are emitted in Qt's thread.

    :ivar seen: when the user has looked at them, seconds since 1970.
    """

    changed = Signal()
    """Something has begun, got further or ended."""

    began = Signal(object)
    ended = Signal(object)
    """With the job."""

    def __init__(self, bridge: Bridge, file: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.bridge = bridge
        self.log = ActivityLog()
        self.seen = time.time()
        self._file = file
        self._jobs: dict[str, Job] = {}
        self._orders: dict[str, Order] = {}
        self._save = QTimer(self, singleShot=True, interval=SAVE_MS)
        self._save.timeout.connect(self.save)
        try:
            self.log.read_json(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            pass
        except (OSError, ValueError) as error:
            log.warning("%s cannot be read: %s", file, error)

    # -- operations -----------------------------------------------------------------------------------------------

    def begin(self, order: Order) -> Job:
        """Do it, and keep what comes of it."""
        made = self.log.begin(
            order.kind, order.title, subject=order.subject, engine=order.engine, arguments=order.arguments
        )
        job = self._jobs[made.key] = Job(self, order, made.key)
        self._orders[made.key] = order
        order.hook(job)
        self.began.emit(job)
        self.changed.emit()
        return job

    def call(
        self,
        title: str,
        work: Callable[[], Awaitable[T]],
        done: Callable[[T], object] | None = None,
        failed: Failed | None = None,
        *,
        engine: str = "",
    ) -> Job:
        """Do what is one call, without steps."""

        async def steps() -> AsyncIterator[T]:
            yield await work()

        def hook(job: Job) -> None:
            results: list[T] = []
            job.changed.connect(results.extend)
            if done is not None:
                job.succeeded.connect(lambda: done(results[0]))
            if failed is not None:
                job.watched = True  # the caller says why
                job.failed.connect(failed)

        return self.begin(Order(Kind.CHANGE, title, steps, engine=engine, hook=hook))

    def job(self, key: str) -> Job | None:
        """The job of an activity that is under way."""
        return self._jobs.get(key)

    def order(self, key: str) -> Order | None:
        """What this window was asked for, to be done again."""
        return self._orders.get(key)

    @property
    def jobs(self) -> list[Job]:
        """Those under way, the newest first."""
        return [self._jobs[item.key] for item in self.log.running if item.key in self._jobs]

    def forget(self, key: str) -> None:
        """Keep nothing of one that has ended."""
        self.log.forget(key)
        self._orders.pop(key, None)
        self.keep()

    def clear(self) -> None:
        """Keep nothing of those that have ended."""
        self.log.clear()
        self._orders = {key: order for key, order in self._orders.items() if key in self._jobs}
        self.keep()

    def note(self, key: str, **values: Any) -> None:
        """An activity without a job has got further."""
        self.log.update(key, **values)
        self.changed.emit()

    def look(self) -> None:
        """The user has seen them."""
        self.seen = time.time()
        self.changed.emit()

    def report(self, message: str, hint: str = "", detail: str = "") -> None:
        """Keep an error that belongs to no job."""
        if self.log.report(Failure(message, hint, detail)) is not None:
            self.keep()

    # -- for jobs -------------------------------------------------------------------------------------------------

    def update(self, job: Job) -> None:
        """A job has got further."""
        self.log.update(job.key, note=job.reader.note, fraction=job.reader.fraction)
        self.changed.emit()

    def end(self, job: Job, state: State, failure: Failure | None) -> None:
        """A job has ended."""
        reader = job.reader
        reader.end()
        self.log.update(job.key, note=reader.note, output=reader.text[-MAX_OUTPUT:], steps=reader.kept)
        self.log.end(job.key, state, failure)
        self._jobs.pop(job.key, None)
        self.keep()
        self.ended.emit(job)
        job.deleteLater()

    # -- the file -------------------------------------------------------------------------------------------------

    def keep(self) -> None:
        """Something is to be kept, or no longer; soon it is."""
        self._save.start()
        self.changed.emit()

    def save(self) -> None:
        """Write the file now. A full disk is logged: what is lost is history."""
        self._save.stop()
        out = QSaveFile(str(self._file))
        data = self.log.to_json().encode()
        fine = out.open(QIODevice.OpenModeFlag.WriteOnly) and out.write(data) == len(data) and out.commit()
        if not fine:
            log.warning("%s cannot be written: %s", self._file, out.errorString())
