"""Supervised tasks: what fails is started again after a pause, and reports its state."""

from __future__ import annotations

import asyncio
import gc
import itertools
import logging

import pytest

from tests.unit.mock_clock import run
from vm.errors import LinkError
from vm.tasks import SupervisedTask, TaskHealth, TaskSet, TaskState, fail

PAUSES = (1.0, 10.0)


class Work:
    """Fails with each of ``errors`` in turn, then goes on until it is cancelled.

    :ivar begun: when each run began.
    """

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.begun: list[float] = []

    async def __call__(self) -> None:
        self.begun.append(asyncio.get_running_loop().time())
        if self.errors:
            raise self.errors.pop(0)
        await asyncio.Event().wait()

    @property
    def waits(self) -> list[int]:
        return [round(after - before) for before, after in itertools.pairwise(self.begun)]


def test_a_failed_task_is_started_again_after_longer_and_longer_pauses(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        work = Work(*(ValueError(f"number {number}") for number in range(4)))
        states: list[tuple[TaskState, int]] = []
        task = SupervisedTask(
            "listening",
            work,
            changed=lambda: states.append((task.health.state, task.health.failures)),
            pauses=PAUSES,
        )
        assert task.health == TaskHealth(TaskState.ENDED)
        task.start()
        task.start()
        assert task.health.state is TaskState.STARTING
        began = asyncio.get_running_loop().time()
        await asyncio.sleep(35)
        assert work.waits == [1, 10, 10, 10]
        assert states == [
            (TaskState.STARTING, 0),
            (TaskState.RUNNING, 0),
            *((state, n) for n in (1, 2, 3, 4) for state in (TaskState.FAILED_WAITING, TaskState.STARTING)),
        ]
        assert not task.health.ok
        assert task.health.error == "ValueError: number 3"
        assert task.health.since == pytest.approx(began, abs=0.5)
        await asyncio.sleep(11)
        assert states[-1] == (TaskState.RUNNING, 0), "it has run as long as the longest pause"
        assert task.health.ok
        assert task.health.error == ""
        await task.stop()
        assert states[-1] == (TaskState.ENDED, 0)

    run(main())
    assert "listening failed, and is started again in 1 s" in caplog.text
    assert "ValueError: number 0" in caplog.text, "with its traceback"


def test_one_that_fails_again_before_it_has_recovered_waits_longer() -> None:
    async def main() -> None:
        begun = []

        async def work() -> None:
            begun.append(asyncio.get_running_loop().time())
            await asyncio.sleep(5)
            raise ValueError

        task = SupervisedTask("short-lived", work, pauses=PAUSES)
        task.start()
        await asyncio.sleep(60)
        assert [round(after - before) for before, after in itertools.pairwise(begun)] == [6, 15, 15, 15]
        await task.stop()

    run(main())


def test_work_that_returns_is_done() -> None:
    async def main() -> None:
        runs = []

        async def work() -> None:
            runs.append(1)

        task = SupervisedTask("once", work)
        task.start()
        await asyncio.sleep(100)
        assert (runs, task.health.state) == ([1], TaskState.ENDED)
        task.start()
        await asyncio.sleep(1)
        assert runs == [1, 1]
        await task.stop()

    run(main())


async def test_it_is_stopped_wherever_it_is() -> None:
    running, waiting = SupervisedTask("a", Work()), SupervisedTask("b", Work(ValueError()))
    for task in (running, waiting):
        await task.stop()
        task.start()
    await asyncio.sleep(0.01)
    assert (running.health.state, waiting.health.state) == (TaskState.RUNNING, TaskState.FAILED_WAITING)
    for task in (running, waiting):
        await task.stop()
        await task.stop()
        assert task.health.state is TaskState.ENDED


async def test_work_that_tidies_up_has_ended_when_stop_returns() -> None:
    tidied = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.01)
            tidied.append(True)

    task = SupervisedTask("tidy", work)
    task.start()
    await asyncio.sleep(0)
    await task.stop()
    assert tidied == [True]


async def test_started_again_while_it_still_tidies_up() -> None:
    """The health is that of the new run, also when the old one ends."""
    work = Work()
    task = SupervisedTask("again", work)
    task.start()
    await asyncio.sleep(0)
    task.cancel()
    task.start()
    await asyncio.sleep(0.01)
    assert task.health.state is TaskState.RUNNING
    assert len(work.begun) == 2
    await task.stop()


def test_a_cancellation_that_nobody_asked_for_is_a_failure() -> None:
    async def main() -> None:
        work = Work(asyncio.CancelledError())
        task = SupervisedTask("accepting", work, pauses=PAUSES)
        task.start()
        await asyncio.sleep(2)
        assert len(work.begun) == 2
        assert task.health.error == "CancelledError"
        await task.stop()

    run(main())


def test_an_error_for_people_needs_no_traceback(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        task = SupervisedTask("following", Work(LinkError("The link broke", detail="read: EIO")), pauses=PAUSES)
        task.start()
        await asyncio.sleep(2)
        await task.stop()

    run(main())
    (record,) = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert record.getMessage() == "following failed: The link broke read: EIO"
    assert record.exc_info is None


def test_the_only_error_of_a_group_is_the_reason() -> None:
    async def main() -> None:
        task = SupervisedTask("grouped", Work(ExceptionGroup("several", [OSError("one")])), pauses=PAUSES)
        task.start()
        await asyncio.sleep(0.5)
        assert task.health.error == "OSError: one"
        await task.stop()

    run(main())


def test_an_observer_that_fails_does_not_end_the_task(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        def changed() -> None:
            raise RuntimeError("an observer's")

        work = Work(ValueError())
        task = SupervisedTask("observed", work, changed=changed, pauses=PAUSES)
        task.start()
        await asyncio.sleep(5)
        assert len(work.begun) == 2
        await task.stop()

    run(main())
    assert "an observer's" in caplog.text


async def test_a_set_logs_failures_and_ends_all(caplog: pytest.LogCaptureFixture) -> None:
    tasks = TaskSet()
    tasks.spawn(Work(ValueError("of one"))(), "one")
    other = tasks.spawn(Work()(), "other")
    await asyncio.sleep(0.01)
    assert "one failed" in caplog.text
    assert "of one" in caplog.text
    assert len(tasks) == 1
    await tasks.close()
    assert other.cancelled()
    assert len(tasks) == 0
    await tasks.close()


async def test_a_failure_that_nobody_waits_for_any_more_is_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    """A lost link is one line in the log, not one for each request that was under way."""
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    fail(future, LinkError("lost"))
    fail(future, LinkError("lost again"))
    with pytest.raises(LinkError, match=r"^lost$"):
        await future
    other: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    fail(other, LinkError("lost"))
    del other
    gc.collect()
    assert not caplog.records
