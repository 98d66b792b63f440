"""httpx's calls, made safe to be cancelled by asyncio.

httpcore closes a connection that a call has left half-way, and shields that closing from anyio's kind of
cancellation only. A task that asyncio cancels there, for the second time or just when the other side went away,
would leave the socket open and its place in the pool taken for good. So each step runs in a task of its own inside
one of anyio's scopes, and the caller's cancellation is passed on to that scope.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable
from typing import TypeVar

import anyio
import httpx

T = TypeVar("T")


async def unbroken(step: Awaitable[T], lost: list[T] | None = None) -> T:
    """Await something that only anyio may cancel; when the caller is cancelled, that has ended before this does.

    :param lost: gets the result that came when the caller had been cancelled already.
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


class UnbrokenTransport(httpx.AsyncBaseTransport):
    """Another transport's answers, step by step."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """As httpx asks for it."""
        lost: list[httpx.Response] = []
        try:
            reply = await unbroken(self._inner.handle_async_request(request), lost)
        finally:
            for unwanted in lost:
                await unbroken(unwanted.aclose())
        assert isinstance(reply.stream, httpx.AsyncByteStream)
        return httpx.Response(
            reply.status_code, headers=reply.headers, stream=_Parts(reply.stream), extensions=reply.extensions
        )

    async def aclose(self) -> None:
        """Close all connections."""
        await unbroken(self._inner.aclose())


class _Parts(httpx.AsyncByteStream):
    def __init__(self, inner: httpx.AsyncByteStream) -> None:
        self._inner = inner

    async def __aiter__(self) -> AsyncIterator[bytes]:
        parts = aiter(self._inner)
        while (part := await unbroken(anext(parts, None))) is not None:
            yield part

    async def aclose(self) -> None:
        await unbroken(self._inner.aclose())
