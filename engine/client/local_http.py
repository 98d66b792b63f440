"""httpx to a local socket of ours: a Unix socket, or on Windows a named pipe."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpcore
import httpx

from vm.host import host
from vm.host.paths import PIPES


def local_transport(path: Path, *, of_anyone: bool = False) -> httpx.AsyncBaseTransport:
    """HTTP over the local socket ``path``, without a trust store: loading one takes 38 ms of CPU.

    :param of_anyone: it may be another user's; see :meth:`vm.host.base.Host.connect`.
    """
    transport = httpx.AsyncHTTPTransport(uds=str(path), verify=False)
    if str(path).startswith(PIPES):
        # httpx takes no network backend of httpcore's, whose pool is the same otherwise
        transport._pool = httpcore.AsyncConnectionPool(uds=str(path), network_backend=_Pipes(of_anyone))  # noqa: SLF001 - see above
    return transport


class _Pipes(httpcore.AsyncNetworkBackend):
    """Opens pipes where httpcore would open Unix sockets."""

    def __init__(self, of_anyone: bool) -> None:
        self._of_anyone = of_anyone

    async def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore.AsyncNetworkStream:
        try:
            async with asyncio.timeout(timeout):
                return _PipeStream(*await host().connect(Path(path), of_anyone=self._of_anyone))
        except TimeoutError as error:
            raise httpcore.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ConnectError(str(error)) from error

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class _PipeStream(httpcore.AsyncNetworkStream):
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            async with asyncio.timeout(timeout):
                return await self._reader.read(max_bytes)
        except TimeoutError as error:
            raise httpcore.ReadTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.ReadError(str(error)) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            async with asyncio.timeout(timeout):
                self._writer.write(buffer)
                await self._writer.drain()
        except TimeoutError as error:
            raise httpcore.WriteTimeout(str(error)) from error
        except OSError as error:
            raise httpcore.WriteError(str(error)) from error

    async def aclose(self) -> None:
        self._writer.close()

    def get_extra_info(self, info: str) -> Any:
        """``is_readable``: an idle connection is only read from when the other end has closed it."""
        return self._reader.at_eof() if info == "is_readable" else None
