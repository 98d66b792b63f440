"""How the end of a job is told, and the activities of the machine, whoever has asked for them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PySide6.QtCore import QObject

from desktop.control.schema import ErrorReport, RunState
from desktop.ui.activities import Job
from desktop.ui.models.activity import Failure, Kind, State
from desktop.ui.models.transfer import Transfer
from desktop.ui.session import Session
from desktop.ui.widgets.banner import Banners
from desktop.ui.words import mark, tr

DOING = {
    RunState.STARTING: mark("Starting Slipway"),
    RunState.RESTARTING: mark("Restarting Slipway"),
    RunState.STOPPING: mark("Stopping Slipway"),
}

ENDS = {
    RunState.RUNNING: State.DONE,
    RunState.PAUSED: State.DONE,
    RunState.FAILED: State.FAILED,
    RunState.UNREACHABLE: State.FAILED,
    RunState.STOPPED: State.CANCELLED,
}
"""What a state says about the start that came before it."""


def tell_outcome(job: Job, banners: Banners, show: Callable[[str], object]) -> None:
    """Tell how a job has ended, unless a dialog does. :param show: shows an activity."""
    activity = job.activity
    if activity.state is State.CANCELLED:
        banners.show_message("info", tr("Cancelled: {what}", what=activity.title))
    elif activity.state is State.FAILED and job.error is not None and not job.watched:
        details = (tr("Details"), lambda: show(job.key)) if activity.kind is not Kind.CHANGE else None
        banners.error(job.error, details)
    elif activity.state is State.DONE:
        kind, hint = "done", ""
        if isinstance(job.reader, Transfer):
            kind = "warning" if job.reader.warnings else "done"  # it succeeded, but not exactly as requested
            hint = "\n".join(job.reader.warnings or job.reader.texts)
        message = job.order.outcome or (job.reader.note if activity.kind is Kind.MACHINE else "")
        if message:
            banners.show_message(kind, message, hint)


class MachineActivity(QObject):
    """Starts and stops of Slipway's own machine, by its status."""

    def __init__(self, session: Session) -> None:
        super().__init__(session)
        self._session = session
        self._state: RunState | None = None
        self._key = ""
        self._stages: list[str] = []
        session.status_changed.connect(self._follow)

    def _follow(self) -> None:
        status, activities = self._session.status, self._session.activities
        state = status.state if status is not None else None
        if state is not self._state:
            self._end(state, status.failure if status is not None else None)
            self._state = state
            if state in DOING:
                self._stages = []
                self._key = activities.log.begin(Kind.MACHINE, tr(DOING[state])).key
                activities.changed.emit()
        if self._key and status is not None and status.stage and status.stage not in self._stages:
            self._stages.append(status.stage)
            activities.note(self._key, note=status.stage, output="\n".join(self._stages))

    def _end(self, state: RunState | None, failure: ErrorReport | None) -> None:
        if not self._key:
            return
        outcome = State.BROKEN_OFF if state is None else ENDS.get(state, State.DONE)
        if self._state is RunState.STOPPING and state is RunState.STOPPED:
            outcome = State.DONE
        why: Any = None
        if outcome is State.FAILED and failure is not None:
            why = Failure(failure.message, failure.hint, failure.detail)
        activities, key = self._session.activities, self._key
        self._key = ""
        activities.log.update(key, note="")
        activities.log.end(key, outcome, why)
        activities.keep()
