"""The loop that skips waits: long ones take no time, their order and the clock stay right, events come first."""

from __future__ import annotations

import asyncio
import time

import pytest

pytestmark = pytest.mark.fast_clock


async def test_an_hour_passes_at_once() -> None:
    began, real = asyncio.get_running_loop().time(), time.monotonic()
    order: list[int] = []

    async def wait(seconds: int) -> None:
        await asyncio.sleep(seconds)
        order.append(seconds)

    await asyncio.gather(wait(3600), wait(60), wait(1))
    assert order == [1, 60, 3600]
    assert asyncio.get_running_loop().time() - began == pytest.approx(3600, abs=1)
    assert time.monotonic() - real < 2


async def test_a_time_limit_ends() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(600):
            await asyncio.get_running_loop().create_future()


async def test_what_happens_in_time_is_in_time() -> None:
    """Bytes on a socket arrive before a limit of a minute has passed, however many round trips there are."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    async with asyncio.timeout(60):
        for number in range(100):
            writer.write(b"%d\n" % number)
            assert await reader.readline() == b"%d\n" % number
    writer.close()
    await writer.wait_closed()
    server.close()
