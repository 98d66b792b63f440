"""A timeout that also ends early."""

from __future__ import annotations

import asyncio

import pytest

from engine.endpoint.cutoff import cutoff


@pytest.fixture
async def event() -> asyncio.Future[None]:
    return asyncio.get_running_loop().create_future()


async def test_what_ends_in_time_is_left_alone(event: asyncio.Future[None]) -> None:
    async with cutoff(5, event):
        await asyncio.sleep(0)
    event.set_result(None)
    await asyncio.sleep(0.01)


async def test_the_deadline(event: asyncio.Future[None]) -> None:
    with pytest.raises(TimeoutError):
        async with cutoff(0.01, event):
            await event


@pytest.mark.parametrize("seconds", [None, 60])
async def test_an_event_ends_it_early(event: asyncio.Future[None], seconds: float | None) -> None:
    asyncio.get_running_loop().call_later(0.01, event.set_result, None)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(5), cutoff(seconds, event):
            await asyncio.Event().wait()


async def test_an_event_that_is_over_already(event: asyncio.Future[None]) -> None:
    event.set_result(None)
    with pytest.raises(TimeoutError):
        async with cutoff(None, event):
            await asyncio.Event().wait()


async def test_two_events_and_the_deadline_at_once(event: asyncio.Future[None]) -> None:
    other: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    for one in (event, other):
        asyncio.get_running_loop().call_later(0.01, one.set_result, None)
    with pytest.raises(TimeoutError):
        async with cutoff(0.01, event, other):
            await asyncio.Event().wait()


async def test_a_cancellation_from_outside_stays_one(event: asyncio.Future[None]) -> None:
    async def body() -> None:
        async with cutoff(None, event):
            await asyncio.Event().wait()

    task = asyncio.create_task(body())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
