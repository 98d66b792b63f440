"""The whole stack (client, endpoint, SSH, a Unix server) under load: memory, order, many clients, nothing left."""

from __future__ import annotations

import asyncio
import gc
import os
import socket
import tempfile
import tracemalloc
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from engine.endpoint import Endpoint, GuestRoute
from engine.endpoint.endpoint import READ_AHEAD
from engine.endpoint.local import READ_BUFFER, WRITE_BUFFER
from engine.endpoint.read_ahead import OWN
from engine.endpoint.relay import PIECE
from tests.unit.sshd import eventually, linked, unix_server
from vm.guest.ssh import SshLink
from vm.guest.ssh_stream import WINDOW

pytestmark = pytest.mark.both_loops

MIB = 1 << 20


@dataclass
class Stack:
    endpoint: Endpoint
    link: SshLink

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        return await asyncio.open_unix_connection(str(self.endpoint.path))


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """One line says what to do: ``send N``, ``take N``, ``echo``, ``flood``, ``wait``."""
    words = (await reader.readline()).split()
    if words[:1] == [b"send"]:
        left = int(words[1])
        while left > 0:
            writer.write(bytes(min(left, 65536)))
            left -= 65536
            await writer.drain()
    elif words[:1] == [b"take"]:
        writer.write(b"%d" % len(await reader.readexactly(int(words[1]))))
    elif words[:1] == [b"flood"]:
        while True:
            writer.write(bytes(65536))
            await writer.drain()
    elif words[:1] == [b"wait"]:
        await asyncio.Event().wait()
    else:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


@pytest.fixture
async def stack() -> AsyncIterator[Stack]:
    async with whole_stack() as made:
        yield made


@asynccontextmanager
async def whole_stack() -> AsyncIterator[Stack]:
    with tempfile.TemporaryDirectory(prefix="slw-") as folder:
        async with linked() as link, unix_server(serve) as guest:
            endpoint = Endpoint(Path(folder) / "d.sock")
            await endpoint.start()
            endpoint.open_gate(GuestRoute(link, guest))
            try:
                yield Stack(endpoint, link)
            finally:
                await endpoint.close()


@pytest.fixture
def traced() -> Iterator[Callable[[], int]]:
    """A function that returns the bytes Python holds now; resident memory would depend on what ran before."""

    def held() -> int:
        gc.collect()
        tracemalloc.reset_peak()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    yield held
    tracemalloc.stop()


def highest() -> int:
    """The most bytes Python has held since ``traced`` was last asked."""
    return tracemalloc.get_traced_memory()[1]


async def test_bytes_survive_in_both_directions_at_once(stack: Stack) -> None:
    data = os.urandom(5 * MIB)
    reader, writer = await stack.connect()
    writer.write(b"echo\n")

    async def send() -> None:
        for start in range(0, len(data), 70_001):
            writer.write(data[start : start + 70_001])
            await writer.drain()
        writer.write_eof()

    async with asyncio.timeout(60):
        _, back = await asyncio.gather(send(), reader.read())
    assert back == data
    writer.close()


async def test_clients_that_do_not_read_cost_a_bounded_amount(stack: Stack, traced: Callable[[], int]) -> None:
    """Ten clients ask for endless data and read nothing; then one reads 64 MiB slowly. Memory stays put."""
    stuck = []
    before = traced()
    for _ in range(10):
        client = socket.socket(socket.AF_UNIX)
        client.setblocking(False)
        client.connect(str(stack.endpoint.path))
        client.send(b"flood\n")
        stuck.append(client)
    per_client = WINDOW + WRITE_BUFFER + 2 * PIECE + OWN
    await eventually(lambda: stack.endpoint.connections == 10)
    reader, writer = await stack.connect()
    writer.write(b"send %d\n" % (64 * MIB))
    size = 0
    async with asyncio.timeout(60):
        while data := await reader.read(256 * 1024):
            size += len(data)
    assert size == 64 * MIB
    assert highest() - before < 10 * per_client + READ_AHEAD + 24 * MIB
    assert stack.link.buffered <= 10 * WINDOW
    for client in stuck:
        client.close()
    writer.close()
    await eventually(lambda: stack.endpoint.connections == 0)


async def test_a_guest_that_does_not_read_stops_the_client(stack: Stack, traced: Callable[[], int]) -> None:
    before = traced()
    reader, writer = await stack.connect()
    other_reader, other_writer = await stack.connect()
    writer.transport.set_write_buffer_limits(high=0)
    writer.write(b"wait\n")
    pushed = 0

    async def push() -> None:
        nonlocal pushed
        while True:
            writer.write(bytes(65536))
            pushed += 65536
            await writer.drain()

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(push(), 2)
    assert pushed < WINDOW + READ_BUFFER + 16 * MIB  # sshd's window, ours, and the kernel's buffers
    assert highest() - before < 32 * MIB
    other_writer.write(b"take 5\nhello")
    assert await asyncio.wait_for(other_reader.read(), 10) == b"5"
    writer.transport.abort()
    other_writer.close()
    assert reader is not None


async def test_two_hundred_parallel_clients(stack: Stack) -> None:
    async def one(number: int) -> bytes:
        reader, writer = await stack.connect()
        payload = b"%d," % number * 2000
        writer.write(b"echo\n" + payload)
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        assert answer == payload
        return answer

    async with asyncio.timeout(60):
        await asyncio.gather(*(one(number) for number in range(200)))
    await eventually(lambda: stack.endpoint.connections == 0 and stack.link.streams == 0)
    assert stack.endpoint.stats.relayed == 200
    assert stack.endpoint.stats.cut == 0


async def test_idle_and_noisy_clients_do_not_delay_others(stack: Stack) -> None:
    crowd = [await stack.connect() for _ in range(100)]
    for _, writer in crowd:
        writer.write(b"ec")  # half a line: the server waits for the rest
    started = asyncio.get_running_loop().time()
    reader, writer = await stack.connect()
    writer.write(b"take 3\nabc")
    assert await reader.read() == b"3"
    assert asyncio.get_running_loop().time() - started < 2
    writer.close()
    for _, writer in crowd:
        writer.transport.abort()
    await eventually(lambda: stack.endpoint.connections == 0 and stack.link.streams == 0)


@pytest.mark.parametrize(
    "rounds", [6, pytest.param(40, marks=pytest.mark.slow("2,000 connections with memory traced"))]
)
async def test_connections_leave_nothing_behind(stack: Stack, traced: Callable[[], int], rounds: int) -> None:
    """Fifty connections a round, some ended well, some dropped in the middle: no file, task, stream or memory."""

    async def one(number: int) -> None:
        reader, writer = await stack.connect()
        if number % 3 == 0:
            writer.write(b"flood\n")
            await reader.readexactly(100)
            writer.transport.abort()
        elif number % 3 == 1:
            writer.write(b"take 3\nabc")
            assert await reader.read() == b"3"
            writer.close()
        else:
            writer.transport.abort()

    await asyncio.gather(*(one(number) for number in range(60)))
    await eventually(lambda: stack.endpoint.connections == 0 and stack.link.streams == 0, 30)
    before = (psutil.Process().num_fds(), len(asyncio.all_tasks()), traced())
    for _ in range(rounds):
        await asyncio.gather(*(one(number) for number in range(50)))
    await eventually(lambda: stack.endpoint.connections == 0 and stack.link.streams == 0, 30)
    await eventually(lambda: len(asyncio.all_tasks()) <= before[1])
    assert psutil.Process().num_fds() <= before[0]
    assert traced() - before[2] < rounds * MIB // 20


async def test_the_end_of_the_link_ends_the_clients(stack: Stack) -> None:
    reader, writer = await stack.connect()
    writer.write(b"wait\n")
    await eventually(lambda: stack.endpoint.stats.bytes_to_guest > 0)
    await stack.link.close()
    assert await asyncio.wait_for(reader.read(), 10) == b""
    await eventually(lambda: stack.endpoint.connections == 0)
    assert stack.endpoint.stats.cut == 1
    writer.close()
