"""Await work to its end even when the awaiting task is cancelled: ending a QEMU, closing a link."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import TypeVar

T = TypeVar("T")


async def shielded(work: Coroutine[None, None, T]) -> T:
    """Run ``work`` to its end and return its result; a cancellation meanwhile is raised only then.

    The work must be bounded by deadlines of its own.
    """
    task = asyncio.ensure_future(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                raise
            cancelled = error
        except BaseException:
            if not task.done():
                raise
    if cancelled is not None:
        if not task.cancelled():
            task.exception()
        raise cancelled
    return task.result()
