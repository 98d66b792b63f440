"""Bulk operations: parallel, bounded, and with an outcome for each object."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from desktop.ui.bulk import MAX_NAMED, MAX_PARALLEL, Outcome, run_for_each, summarize
from engine.client import EngineClient
from vm.errors import EngineError

ENGINE = EngineClient(Path("/nowhere"))
"""The calls of these tests do not use it."""

FAILURE = "{} could not be stopped"


def subjects(count: int) -> list[tuple[str, str]]:
    return [(f"id{number}", f"name{number}") for number in range(count)]


async def test_calls_run_in_parallel_up_to_the_bound() -> None:
    running, most, full = 0, 0, asyncio.Event()

    async def call(engine: EngineClient, key: str) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        if running == MAX_PARALLEL:
            full.set()
        await full.wait()
        running -= 1

    async with asyncio.timeout(5):
        outcomes = [outcome async for outcome in run_for_each(ENGINE, subjects(3 * MAX_PARALLEL), call)]
    assert most == MAX_PARALLEL
    assert {(outcome.key, outcome.name) for outcome in outcomes} == set(subjects(3 * MAX_PARALLEL))
    assert not any(outcome.error for outcome in outcomes)


async def test_a_failure_does_not_stop_the_others(caplog: pytest.LogCaptureFixture) -> None:
    done = []

    async def call(engine: EngineClient, key: str) -> None:
        if key == "id0":
            raise EngineError("it is stuck")
        if key == "id1":
            raise ZeroDivisionError
        done.append(key)

    outcomes = sorted([one async for one in run_for_each(ENGINE, subjects(4), call)], key=lambda one: one.key)
    assert done == ["id2", "id3"]
    first, second, *rest = [outcome.error for outcome in outcomes]
    assert first is not None
    assert first.message == "it is stuck"
    assert second is not None
    assert "ZeroDivisionError" in second.detail
    assert "an operation on name1 failed" in caplog.text
    assert rest == [None, None]


async def test_cancelling_cancels_the_calls() -> None:
    begun = asyncio.Event()
    ended = []

    async def call(engine: EngineClient, key: str) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(key)

    async def follow() -> None:
        async for _ in run_for_each(ENGINE, subjects(1), call):
            pass

    task = asyncio.create_task(follow())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["id0"]


class TestSummary:
    def test_success_says_nothing(self) -> None:
        assert summarize([Outcome("web", None)], FAILURE) is None

    def test_one_object_is_named_with_its_reason(self) -> None:
        error = EngineError("it is stuck", "", "HTTP 500")
        told = summarize([Outcome("web", error)], FAILURE)
        assert told == ("web could not be stopped", "it is stuck", "HTTP 500")

    def test_the_only_failure_of_several_is_named(self) -> None:
        told = summarize([Outcome("web", EngineError("it is stuck")), Outcome("db", None)], FAILURE)
        assert told == ("web could not be stopped", "it is stuck", "web: it is stuck")

    def test_several_failures_are_counted_and_the_first_named(self) -> None:
        failed = [Outcome(f"c{number}", EngineError(f"reason {number}")) for number in range(MAX_NAMED + 2)]
        told = summarize([*failed, Outcome("web", None)], FAILURE)
        assert told is not None
        message, hint, detail = told
        assert message == "5 of 6 could not be stopped"
        assert hint.splitlines() == ["c0: reason 0", "c1: reason 1", "c2: reason 2", "… and 2 more"]
        assert detail.splitlines() == [f"c{number}: reason {number}" for number in range(5)]
