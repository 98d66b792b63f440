"""A link for tests that use one or two of its methods: the others fail."""

from __future__ import annotations

import asyncio
from typing import NoReturn

from vm.errors import LinkError
from vm.guest.stream import Completed, Stream


class NoLink:
    """Every call is unexpected."""

    closed: asyncio.Event
    failure: LinkError | None = None

    async def open_unix(self, path: str) -> Stream:
        return self._unexpected(path)

    async def open_tcp(self, address: str, port: int) -> Stream:
        return self._unexpected(address, port)

    async def open_udp(self, address: str, port: int) -> Stream:
        return self._unexpected(address, port)

    async def open_accept(self, path: str) -> Stream:
        return self._unexpected(path)

    async def open_exec(self, command: str) -> Stream:
        return self._unexpected(command)

    async def run(self, command: str, *, input: bytes = b"", timeout: float) -> Completed:
        return self._unexpected(command)

    async def ping(self, timeout: float) -> None:
        self._unexpected(timeout)

    async def close(self) -> None:
        self._unexpected()

    def _unexpected(self, *args: object) -> NoReturn:
        raise AssertionError(f"not expected: {args}")
