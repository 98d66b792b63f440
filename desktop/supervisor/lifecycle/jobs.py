"""Long work with followers: a request for work under way joins it and gets all events so far.

A job is cancelled when its last follower leaves, unless it is pinned. Whatever changes the engine is: a terminal
that is closed, or a window that crashes, undoes no start. Who wants that asks for it (:func:`cancel_for_last`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable

from desktop.control.schema import ErrorReport, Event, Note
from desktop.supervisor.context import Work
from vm.errors import UserError

log = logging.getLogger(__name__)


class Job:
    """One piece of work, running as soon as it is made.

    :param name: what it does, as an infinitive: ``start``, ``stop``.
    :param work: does it; the text it returns is the outcome for the user.
    :param tell: called when another stage has begun, and after the end.
    """

    def __init__(
        self, name: str, work: Work, *, pinned: bool = False, tell: Callable[[], None] = lambda: None
    ) -> None:
        self.name = name
        self.pinned = pinned
        self.stage = ""
        self._events: list[Event] = []
        self._news = asyncio.Event()
        self._followers = 0
        self._tell = tell
        self.task = asyncio.create_task(self._run(work), name=f"job {name}")
        self.task.add_done_callback(self._ended)
        tell()

    @property
    def followers(self) -> int:
        """How many follow it now."""
        return self._followers

    @property
    def done(self) -> bool:
        """Whether the work has ended, one way or another."""
        return self.task.done()

    async def follow(self) -> AsyncIterator[Event]:
        """All events from the first to the last; leaving early as the only follower cancels the work."""
        self._followers += 1
        seen = 0
        try:
            while True:
                while seen < len(self._events):
                    seen += 1
                    yield self._events[seen - 1]
                if self.task.done():
                    return
                self._news.clear()
                await self._news.wait()
        finally:
            self._followers -= 1
            if not self._followers and not self.pinned and not self.task.done():
                log.info("no one waits for “%s” any more: cancelling it", self.name)
                self.task.cancel()

    async def cancel(self) -> None:
        """Cancel the work and wait until it has put everything in order."""
        self.task.cancel()
        await asyncio.wait([self.task])

    def emit(self, event: Event) -> None:
        """Tell the followers."""
        self._events.append(event)
        self._news.set()
        if event.kind == "progress" and event.text != self.stage:
            self.stage = event.text
            self._tell()

    def _emit_cancelled(self) -> None:
        self.emit(Event("error", error=ErrorReport("Cancelled", f"The {self.name} was cancelled")))

    def _ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled():  # before it could begin
            self._emit_cancelled()
        self._tell()

    async def _run(self, work: Work) -> None:
        try:
            self.emit(Event("done", await work(self.emit)))
        except asyncio.CancelledError:
            self._emit_cancelled()
        except UserError as error:
            log.error("%s failed: %s %s\n%s", self.name, error.message, error.hint, error.detail)
            self.emit(Event("error", error=ErrorReport.of(error)))
        except Exception as error:
            log.exception("%s failed unexpectedly", self.name)
            report = ErrorReport(
                "Unforeseen", f"The {self.name} failed unexpectedly: {error!r}", "See: slipway logs"
            )
            self.emit(Event("error", error=report))


async def cancel_for_last(job: Job | None) -> Note:
    """Cancel the work for one of its followers, unless another follows it too; wait until it is undone.

    :param job: None: there is none that could be cancelled.
    """
    if job is None or job.done:
        return Note("There is no start to cancel")
    if job.followers > 1:
        return Note(f"Another client waits for the {job.name}, so it goes on")
    await job.cancel()
    return Note(f"The {job.name} was cancelled")
