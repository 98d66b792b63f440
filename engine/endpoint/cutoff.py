"""A timeout that also ends early: a wait that has lost its purpose does not run to its deadline."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def cutoff(seconds: float | None, *events: asyncio.Future[None]) -> AsyncIterator[None]:
    """Cancel the body after ``seconds`` (None: never), or as soon as one of ``events`` is done.

    :raise TimeoutError: the body was cut off.
    """
    loop = asyncio.get_running_loop()
    running = True

    def end_now(_: asyncio.Future[None]) -> None:
        if running and not scope.expired():
            scope.reschedule(loop.time())

    async with asyncio.timeout(seconds) as scope:
        for event in events:
            event.add_done_callback(end_now)
        try:
            yield
        finally:
            running = False
            for event in events:
                event.remove_done_callback(end_now)
