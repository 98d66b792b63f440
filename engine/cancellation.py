"""An httpx transport whose calls are safe to cancel with asyncio.

httpcore closes a connection that a call has left half-way, and shields that from anyio's cancellation only. A task
that asyncio cancels at that point (a second time, or just as the peer disconnects) leaves the socket open and its
place in the pool taken. So each step runs in a task of its own inside an anyio scope, and the caller's
cancellation is passed on to that scope.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

import anyio
import httpx

T = TypeVar("T")


async def run_step(step: Awaitable[T], lost: list[T] | None = None) -> T:
    """Await ``step``, which only anyio may cancel; a cancelled caller waits until it has ended.

    :param lost: receives a result that came after the caller had been cancelled.
    """
    scope = anyio.CancelScope()

    async def run() -> T:
        with scope:
            return await step
        raise asyncio.CancelledError

    task = asyncio.create_task(run())
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.wait({task})
        except asyncio.CancelledError as error:
            cancelled = error
            scope.cancel()
    if cancelled is None:
        return task.result()
    if not task.cancelled() and task.exception() is None and lost is not None:
        lost.append(task.result())
    raise cancelled


class CancelSafeTransport(httpx.AsyncBaseTransport):
    """Wraps another transport; each step of a call ends completely, also when the call is cancelled."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Called by httpx."""
        lost: list[httpx.Response] = []
        try:
            reply = await run_step(self._inner.handle_async_request(request), lost)
        finally:
            for unwanted in lost:
                await run_step(unwanted.aclose())
        assert isinstance(reply.stream, httpx.AsyncByteStream)
        return httpx.Response(
            reply.status_code, headers=reply.headers, stream=_Parts(reply.stream), extensions=reply.extensions
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await run_step(self._inner.aclose())


class _Parts(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts = aiter(self._inner)
        while (part := await run_step(anext(parts, None))) is not None:
            yield part

    async def aclose(self) -> None:
        await run_step(self._inner.aclose())
