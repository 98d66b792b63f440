"""Read ahead: everything in order, within a budget that is given back."""

from __future__ import annotations

import asyncio

import pytest

from engine.endpoint.read_ahead import OWN, Budget, ReadAhead
from engine.endpoint.relay import relay
from tests.unit.carriers import MemoryStream, pair
from tests.unit.engine.endpoint.test_relay import Broken, client_and_peer
from tests.unit.sshd import eventually
from vm.errors import LinkError

PIECE = b"x" * OWN


async def filled(ahead: ReadAhead, pieces: int) -> asyncio.Task[None]:
    """A task that puts so many pieces, after it has done what it can."""

    async def fill() -> None:
        for _ in range(pieces):
            await ahead.put(PIECE)
        ahead.end()

    task = asyncio.create_task(fill())
    await asyncio.sleep(0.01)
    return task


async def test_a_slow_client_gets_everything() -> None:
    budget = Budget(100 * OWN)
    ahead = ReadAhead(budget)
    task = await filled(ahead, 20)
    assert task.done()
    assert budget.left == 81 * OWN
    assert [await ahead.get() for _ in range(21)] == [PIECE] * 20 + [b""]
    assert budget.left == 100 * OWN


async def test_no_more_than_the_budget_is_read() -> None:
    budget = Budget(3 * OWN)
    one, two = ReadAhead(budget), ReadAhead(budget)
    first = await filled(one, 20)
    assert not first.done()
    assert budget.left == 0
    second = await filled(two, 1)
    assert second.done()  # each has some of its own
    for _ in range(20):
        assert await one.get() == PIECE
        await asyncio.sleep(0)
    assert await one.get() == b""
    assert await two.get() == PIECE
    assert budget.left == 3 * OWN


async def test_what_is_dropped_is_given_back() -> None:
    budget = Budget(100 * OWN)
    ahead = ReadAhead(budget)
    await filled(ahead, 20)
    ahead.close()
    ahead.close()
    assert budget.left == 100 * OWN


async def test_a_failure_comes_after_what_was_before_it() -> None:
    client, peer = client_and_peer()
    guest = Broken("read", LinkError("cut"))
    guest.fails_after = [b"last", b"words"]
    with pytest.raises(LinkError):
        await relay(client, guest, budget=Budget(OWN))
    assert await peer.read(10) == b"lastwords"
    assert client.end == "reset"


async def test_the_engine_is_emptied_while_the_client_does_not_read() -> None:
    """dockerd ends the log of a container ten seconds after it has exited."""
    client, peer = client_and_peer()
    guest, far = pair()
    taken = asyncio.Event()

    async def slow(data: bytes) -> None:
        await taken.wait()
        await MemoryStream.write(client, data)

    client.write = slow  # type: ignore[method-assign] # - a client that reads nothing for a while
    budget = Budget(10 * OWN)
    relaying = asyncio.create_task(relay(client, guest, budget=budget))
    for _ in range(8):
        await far.write(PIECE)
    await far.write_eof()
    await eventually(lambda: budget.left < 4 * OWN)
    taken.set()
    await peer.write_eof()
    got = b""
    async with asyncio.timeout(10):
        while data := await peer.read(1 << 20):
            got += data
        await relaying
    assert got == PIECE * 8
    assert budget.left == 10 * OWN
