"""Jobs: joined, followed from the beginning, cancelled without followers; timings kept."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

import pytest

from desktop.control.schema import Boot, Event, StageReport
from desktop.supervisor.context import Emit
from desktop.supervisor.lifecycle.boot_history import KEPT, BootHistory
from desktop.supervisor.lifecycle.jobs import Job
from desktop.supervisor.lifecycle.restart_policy import PAUSES, WINDOW, RestartPolicy
from vm.errors import DiskError


async def kinds(job: Job) -> list[str]:
    return [event.kind for event in [event async for event in job.follow()]]


async def test_late_followers_see_everything() -> None:
    go = asyncio.Event()

    async def work(emit: Emit) -> str:
        emit(Event("progress", "first"))
        await go.wait()
        return "outcome"

    job = Job("start", work)
    first = asyncio.create_task(kinds(job))
    await asyncio.sleep(0)
    second = asyncio.create_task(kinds(job))
    await asyncio.sleep(0)
    assert job.stage == "first"
    go.set()
    assert await first == await second == ["progress", "done"]
    assert await kinds(job) == ["progress", "done"]


@pytest.mark.parametrize(
    ("error", "code"), [(DiskError("full", "free some"), "DiskError"), (RuntimeError("bug"), "Unforeseen")]
)
async def test_failures_are_told(error: Exception, code: str) -> None:
    async def work(emit: Emit) -> str:
        raise error

    (event,) = [event async for event in Job("start", work).follow()]
    assert event.error is not None
    assert event.error.code == code
    assert str(error) in event.error.message


async def leave(job: Job) -> None:
    async with aclosing(cast("Any", job.follow())) as events:
        await anext(events)


@pytest.mark.parametrize(("pinned", "cancelled"), [(False, True), (True, False)])
async def test_nobody_waits_any_more(pinned: bool, cancelled: bool) -> None:
    undone = asyncio.Event()

    async def work(emit: Emit) -> str:
        emit(Event("progress", "begun"))
        try:
            await asyncio.Event().wait()
        finally:
            undone.set()
        return ""

    job = Job("start", work, pinned=pinned)
    other = asyncio.create_task(leave(job))
    await leave(job)
    await other
    await asyncio.sleep(0)
    assert undone.is_set() is cancelled
    await job.cancel()
    assert job.done


async def test_one_of_two_leaves() -> None:
    go = asyncio.Event()

    async def work(emit: Emit) -> str:
        emit(Event("progress", "begun"))
        await go.wait()
        return "outcome"

    job = Job("start", work)
    stays = asyncio.create_task(kinds(job))
    await asyncio.sleep(0)
    await leave(job)
    go.set()
    assert await stays == ["progress", "done"]


async def test_one_that_is_cancelled_before_it_begins_tells_its_followers() -> None:
    async def work(emit: Emit) -> str:
        return "never"

    job = Job("start", work)
    job.task.cancel()
    async with asyncio.timeout(5):
        told = [event async for event in job.follow()]
    assert [event.error.code for event in told if event.error is not None] == ["Cancelled"]


def boot(number: int) -> Boot:
    return Boot(float(number), 1.5, "tcg", "v", (StageReport("qemu", 0.1, 0.1),))


def test_boots_are_kept(tmp_path: Path) -> None:
    boots = BootHistory(tmp_path / "boots.json")
    assert boots.list() == []
    for number in range(KEPT + 3):
        boots.add(boot(number))
    assert [item.began for item in boots.list()] == [float(number) for number in range(3, KEPT + 3)]
    assert boots.list()[0] == boot(3)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"began": "x"}]'])
def test_a_broken_record_begins_anew(tmp_path: Path, text: str) -> None:
    path = tmp_path / "boots.json"
    path.write_text(text)
    BootHistory(path).add(boot(1))
    assert BootHistory(path).list() == [boot(1)]


def test_restarts_become_slower_and_end(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    policy = RestartPolicy()
    assert [policy.next_pause() for _ in range(len(PAUSES) + 1)] == [*PAUSES, None]
    now[0] += WINDOW + 1
    assert policy.next_pause() == PAUSES[0]
    policy.next_pause()
    policy.forgive()
    assert policy.next_pause() == PAUSES[0]
