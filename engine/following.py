"""Following the engine: for as long as it answers, and anew whenever it has come back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from engine.client import EngineClient, Event
from engine.client.system import Filters
from vm.errors import UserError

RETRY_SECONDS = 1.0

OVERLAP_SECONDS = 2.0
"""Events from so long ago are told again: some may have come before the first look, and the clocks may differ."""


async def while_it_answers(socket: Path, work: Callable[[EngineClient], Awaitable[None]]) -> NoReturn:
    """Do ``work`` each time there is an engine; it ends with an error of ours, or returns, when there is none."""
    while True:
        with suppress(UserError, ConnectionError):  # the engine comes and goes
            async with EngineClient(socket) as engine:
                await work(engine)
        await asyncio.sleep(RETRY_SECONDS)


def events_from_now(engine: EngineClient, filters: Filters) -> AsyncIterator[Event]:
    """Events as they come, and those of the last moment."""
    return engine.events(filters, since=time.time() - OVERLAP_SECONDS)


async def look_whenever(
    changed: asyncio.Event, events: AsyncIterator[Event], look: Callable[[], Awaitable[float | None]]
) -> None:
    """Look now, and whenever there has been an event or ``changed`` is set; until the engine goes away.

    :param look: returns after how many seconds at most is to be looked again; None: only then.
    :raise EngineError: what ended the events.
    """
    listening = asyncio.create_task(_set_at_each(events, changed))
    try:
        while not listening.done():
            changed.clear()
            seconds = await look()
            waiting = asyncio.create_task(changed.wait())
            try:
                await asyncio.wait((waiting, listening), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            finally:
                waiting.cancel()
        await listening
    finally:
        listening.cancel()
        await asyncio.gather(listening, return_exceptions=True)


async def _set_at_each(events: AsyncIterator[Event], changed: asyncio.Event) -> None:
    async for _ in events:
        changed.set()
