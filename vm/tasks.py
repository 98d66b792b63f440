"""Background tasks that never die silently: a failed one is restarted with back-off, and its health can be shown.

An asyncio task that raises is forgotten: its exception is kept until it is asked for, and its work stops. Whatever
works for as long as Slipway runs is a :class:`SupervisedTask`; whatever is started for one connection or request
belongs to a :class:`TaskSet`.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from vm.errors import UserError

log = logging.getLogger(__name__)

PAUSES = (0.1, 1.0, 5.0, 30.0)
"""Seconds before each restart; the last one is repeated, and a task that has run as long has recovered."""


class TaskState(StrEnum):
    """Where a supervised task is in its life."""

    STARTING = "starting"
    """About to run for the first time, or running again after a failure and not yet recovered."""
    RUNNING = "running"
    FAILED_WAITING = "failed-waiting"
    """Failed; started again after a pause."""
    ENDED = "ended"
    """Never started, stopped, or its work is done."""


@dataclass(frozen=True)
class TaskHealth:
    """How a supervised task is doing.

    :ivar failures: in a row, without a recovery in between.
    :ivar error: the last one of them; empty when there are none.
    :ivar since: when the first of them happened, or else the state began; seconds by the loop's clock.
    """

    state: TaskState
    failures: int = 0
    error: str = ""
    since: float = 0.0

    @property
    def ok(self) -> bool:
        """Whether nothing has failed, or the task has recovered."""
        return self.failures == 0


class SupervisedTask:
    """Runs ``work`` until it returns or is stopped, and runs it again when it fails.

    Belongs to the loop it is started in. Only :meth:`cancel` and :meth:`stop` end it: a ``CancelledError`` that
    leaves ``work`` for another reason (it awaited a task that was cancelled) is a failure like any other.

    :param name: for the log.
    :param work: makes the work to await; called for each run.
    :param changed: called after each change of :attr:`health`.
    :param pauses: see :data:`PAUSES`.
    :ivar health: how it is doing.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], Awaitable[None]],
        *,
        changed: Callable[[], None] | None = None,
        pauses: Sequence[float] = PAUSES,
    ) -> None:
        self.name = name
        self.health = TaskHealth(TaskState.ENDED)
        self._work = work
        self._changed = changed
        self._pauses = tuple(pauses)
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Run in the background from now on; does nothing while it runs already."""
        if self._task is None or self._task.done() or self._task.cancelling():
            self._task = asyncio.get_running_loop().create_task(self._run(), name=self.name)
            self._set(TaskHealth(TaskState.STARTING))

    def cancel(self) -> None:
        """Have it end soon; it is not started again. Idempotent."""
        if self._task is not None:
            self._task.cancel()

    async def stop(self) -> None:
        """Cancel it, and return when it has ended. Idempotent, never raises what ``work`` raised."""
        task = self._task
        if task is not None:
            task.cancel()
            await asyncio.wait([task])

    async def _run(self) -> None:
        try:
            while not await self._attempt():
                await asyncio.sleep(self._pause())
        finally:
            if self._task is asyncio.current_task():
                self._set(TaskHealth(TaskState.ENDED))

    async def _attempt(self) -> bool:
        """Run once; whether the work is done."""
        recovered: asyncio.TimerHandle | None = None
        if self.health.ok:
            self._set(TaskHealth(TaskState.RUNNING))
        else:
            failed = self.health
            self._set(TaskHealth(TaskState.STARTING, failed.failures, failed.error, failed.since))
            recovered = asyncio.get_running_loop().call_later(self._pauses[-1], self._recovered)
        try:
            await self._work()
        except asyncio.CancelledError as error:
            if _is_cancelled():
                raise
            self._failed(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the work has to go on
            self._failed(error)
        else:
            return True
        finally:
            if recovered is not None:
                recovered.cancel()
        return False

    def _failed(self, error: BaseException) -> None:
        if isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:  # of a TaskGroup
            error = error.exceptions[0]
        before = self.health
        since = before.since if before.failures else asyncio.get_running_loop().time()
        text = f"{type(error).__name__}: {error}".rstrip(": ")
        self._set(TaskHealth(TaskState.FAILED_WAITING, before.failures + 1, text, since))
        if isinstance(error, UserError):
            log.warning("%s failed: %s %s", self.name, error.message, error.detail)
        else:
            log.error("%s failed, and is started again in %g s", self.name, self._pause(), exc_info=error)

    def _recovered(self) -> None:
        log.info("%s works again", self.name)
        self._set(TaskHealth(TaskState.RUNNING))

    def _pause(self) -> float:
        return self._pauses[min(self.health.failures, len(self._pauses)) - 1]

    def _set(self, health: TaskHealth) -> None:
        since = health.since or asyncio.get_running_loop().time()
        self.health = TaskHealth(health.state, health.failures, health.error, since)
        if self._changed is not None:
            try:
                self._changed()
            except Exception:
                log.exception("the health of %s could not be reported", self.name)


class TaskSet:
    """Tasks that are not awaited one by one; a failure is logged with its traceback."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Run ``work`` in the background."""
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    async def close(self) -> None:
        """Cancel all of them, and return when they have ended. Idempotent."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("%s failed", task.get_name(), exc_info=error)


def fail(future: asyncio.Future[Any], error: Exception) -> None:
    """Tell whoever waits for ``future``, unless it is done; nothing is logged where that one has left."""
    if not future.done():
        future.set_exception(error)
        future.exception()


def _is_cancelled() -> bool:
    """Whether somebody has asked for the end of the current task."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
