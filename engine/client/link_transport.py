"""The client's calls over streams: of the link to an engine in the machine, or of a way to another computer.

httpx has no place for a stream of ours; httpcore, which it is built on, has one (``AsyncNetworkBackend``).
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import httpcore
import httpx

from vm.errors import UserError
from vm.guest.stream import Stream

MOST = 10
"""Connections at once to the machine; a call beyond them waits."""


class Route(Protocol):
    """A way to an engine that is made of streams (:mod:`engine.endpoint.route`)."""

    async def open(self) -> Stream:
        """Open one stream to the engine's API. :raise UserError: it cannot be reached."""
        ...


class RouteDialler:
    """Calls and streams over a route.

    :param keep: the seconds for which an idle stream is kept for the next call; its streams have to say by an
        attribute ``ended`` whether the engine has closed them meanwhile. 0: none is kept.
    :param most: connections at once; a call beyond them waits.
    """

    def __init__(self, route: Route, hint: str = "", keep: float = 0, most: int = MOST) -> None:
        self._route = route
        self._keep, self._most = keep, most
        self.hint = hint

    def http(self) -> httpx.AsyncBaseTransport:
        """A transport for calls."""
        return _RouteTransport(self._route, self._keep, self._most)

    async def open(self) -> Stream:
        """One connection that is taken over. :raise UserError: nothing answers."""
        return await self._route.open()


class _RouteTransport(httpx.AsyncBaseTransport):
    def __init__(self, route: Route, keep: float, most: int) -> None:
        self._pool = httpcore.AsyncConnectionPool(
            network_backend=_Backend(route),
            max_connections=most,
            max_keepalive_connections=most if keep else 0,
            keepalive_expiry=keep or None,
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        url = request.url
        inner = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _translated():
            reply = await self._pool.handle_async_request(inner)
        return httpx.Response(
            reply.status, headers=reply.headers, stream=_Body(reply), extensions=reply.extensions
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, reply: httpcore.Response) -> None:
        self._reply = reply

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _translated():
            async for part in self._reply.aiter_stream():
                yield part

    async def aclose(self) -> None:
        await self._reply.aclose()


class _Backend(httpcore.AsyncNetworkBackend):
    def __init__(self, route: Route) -> None:
        self._route = route

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                return _NetworkStream(await self._route.open())
        except TimeoutError as error:
            raise httpcore.ConnectTimeout("the engine does not accept in time") from error
        except UserError as error:
            raise httpcore.ConnectError(f"{error.message} {error.detail}".strip()) from error


class _NetworkStream(httpcore.AsyncNetworkStream):
    def __init__(self, stream: Stream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            async with asyncio.timeout(timeout):
                return await self._stream.read(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout("the engine does not answer in time") from error
        except UserError as error:
            raise httpcore.ReadError(error.message) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            async with asyncio.timeout(timeout):
                await self._stream.write(buffer)
        except TimeoutError as error:
            raise httpcore.WriteTimeout("the engine does not read in time") from error
        except UserError as error:
            raise httpcore.WriteError(error.message) from error

    async def aclose(self) -> None:
        await self._stream.close()

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        raise httpcore.UnsupportedProtocol("no TLS over the link")

    def get_extra_info(self, info: str) -> Any:
        """``is_readable``: an idle connection is only read from when the other end has closed it."""
        return getattr(self._stream, "ended", None) if info == "is_readable" else None


@contextmanager
def _translated() -> Iterator[None]:
    """httpcore's errors as httpx's, whose names are the same."""
    try:
        yield
    except Exception as error:
        kind = getattr(httpx, type(error).__name__, None)
        if kind is None or type(error).__module__.split(".")[0] != "httpcore":
            raise
        raise kind(str(error)) from error
