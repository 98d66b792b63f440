"""Notifications of the desktop: what took its time, and ended while nobody could see the window."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject

from desktop.ui.activities import Activities, Job
from desktop.ui.models.activity import Kind, State

LEAST_SECONDS = 5.0
"""What ends sooner was watched."""

Show = Callable[[str, str, bool, Callable[[], None]], None]
"""Message, hint, whether it is about a failure, and what a click does."""


class Notifier(QObject):
    """Notifies of ends.

    :param hidden: whether the window cannot be seen.    :param wanted: calls back if the user wants notifications.
    :param lead: shows an activity.
    """

    def __init__(
        self,
        activities: Activities,
        hidden: Callable[[], bool],
        wanted: Callable[[Callable[[], None]], object],
        show: Show,
        lead: Callable[[str], None],
    ) -> None:
        super().__init__(activities)
        self._hidden, self._wanted, self._show, self._lead = hidden, wanted, show, lead
        activities.ended.connect(self._ended)

    def _ended(self, job: Job) -> None:
        item = job.activity
        told = item.state in (State.DONE, State.FAILED) and item.kind is not Kind.MACHINE
        if not told or item.seconds < LEAST_SECONDS or not self._hidden():
            return
        failure = item.failure
        message = f"{item.title} failed" if failure is not None else job.order.outcome or f"{item.title}: done"
        hint = failure.message if failure is not None else item.note
        self._wanted(lambda: self._show(message, hint, failure is not None, lambda: self._lead(item.key)))
