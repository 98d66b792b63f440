"""The relay's ends: whatever happens in one direction, the other ends too."""

from __future__ import annotations

import asyncio
import gc

import pytest

from engine.endpoint.read_ahead import OWN, Budget
from engine.endpoint.relay import relay
from tests.unit.carriers import MemoryStream, pair
from tests.unit.sshd import eventually
from vm.errors import LinkError


class Client(MemoryStream):
    """The client's side; notes how it was dropped."""

    def __init__(self) -> None:
        super().__init__()
        self.end = ""
        self.left = False

    def hung_up(self) -> bool:
        return self.left

    def abort(self) -> None:
        self.end = "abort"

    def reset(self) -> None:
        self.end = "reset"

    async def close(self) -> None:
        self.end = "close"


class Gone(Client):
    """A client that has left, which is seen when it is written to."""

    async def write(self, data: bytes) -> None:
        await asyncio.sleep(0.01)
        raise ConnectionResetError("gone")


class CutAtLast(MemoryStream):
    """Sends a byte, and is cut when its reader is cancelled."""

    async def read(self, limit: int) -> bytes:
        if not self.eof:
            self.eof = True
            return b"x"
        try:
            await asyncio.Event().wait()
        finally:
            raise LinkError("cut")


class Broken(MemoryStream):
    """A stream on which one call fails; the others wait.

    :ivar fails_after: what can still be read before that.
    """

    def __init__(self, call: str, error: Exception) -> None:
        super().__init__()
        self.call = call
        self.error = error
        self.fails_after: list[bytes] = []

    async def read(self, limit: int) -> bytes:
        if self.fails_after:
            return self.fails_after.pop(0)
        if self.call == "read":
            raise self.error
        return await super().read(limit)

    async def write(self, data: bytes) -> None:
        if self.call == "write":
            raise self.error
        await super().write(data)


def client_and_peer() -> tuple[Client, MemoryStream]:
    client, peer = Client(), MemoryStream()
    client.peer, peer.peer = peer, client
    return client, peer


@pytest.mark.parametrize("call", ["read", "write"])
@pytest.mark.parametrize("error", [KeyError("x"), RecursionError(), OSError("x")])
async def test_an_error_that_is_not_foreseen_ends_both_directions(call: str, error: Exception) -> None:
    client, peer = client_and_peer()
    guest = Broken(call, error)
    await peer.write(b"hello")
    async with asyncio.timeout(5):
        with pytest.raises(type(error)):
            await relay(client, guest)
    assert client.end == "abort"
    assert guest.closed


async def test_a_guest_that_is_cut_resets_a_client_that_is_silent() -> None:
    client, _ = client_and_peer()
    guest = Broken("read", LinkError("cut"))
    async with asyncio.timeout(5):
        with pytest.raises(LinkError):
            await relay(client, guest)
    assert client.end == "reset"


async def test_a_guest_that_reads_no_more_may_still_answer() -> None:
    client, peer = client_and_peer()
    guest, far = Broken("write", LinkError("deaf")), MemoryStream()
    guest.peer, far.peer = far, guest
    await peer.write(b"hello")
    relaying = asyncio.create_task(relay(client, guest))
    await asyncio.sleep(0.01)
    await far.write(b"no")
    await far.write_eof()
    async with asyncio.timeout(5):
        await relaying
    assert (await peer.read(10), await peer.read(10)) == (b"no", b"")
    assert client.end == "close"


async def test_a_client_that_has_gone_ends_a_guest_that_is_silent() -> None:
    client, peer = client_and_peer()
    guest, _ = pair()
    client.left = True
    await peer.write_eof()
    async with asyncio.timeout(5):
        await relay(client, guest)
    assert client.end == "abort"
    assert guest.closed


async def test_so_does_one_that_goes_after_it_has_ended_its_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    """As the docker command does that attaches to a container which is then not started."""
    monkeypatch.setattr("engine.endpoint.relay.LOOK_SECONDS", 0.01)
    client, peer = client_and_peer()
    guest, far = pair()
    await peer.write_eof()
    relaying = asyncio.create_task(relay(client, guest))
    async with asyncio.timeout(5):
        assert await far.read(10) == b""
        await far.write(b"still here")
        assert await peer.read(20) == b"still here"
        client.left = True
        await relaying
    assert client.end == "abort"
    assert guest.closed


async def test_a_client_that_leaves_when_the_guest_is_cut_leaves_no_error_behind() -> None:
    unhandled: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: unhandled.append(context))
    async with asyncio.timeout(5):
        await relay(Gone(), CutAtLast())
    gc.collect()
    assert unhandled == []


class Stubborn(MemoryStream):
    """Has sent much, and takes its time when its reader is cancelled."""

    def __init__(self, pieces: int) -> None:
        super().__init__()
        self.left = pieces
        self.ending = asyncio.Event()
        self.may_end = asyncio.Event()

    async def read(self, limit: int) -> bytes:
        if self.left:
            self.left -= 1
            return b"x" * OWN
        try:
            return await super().read(limit)
        finally:
            self.ending.set()
            await self.may_end.wait()


async def test_a_relay_that_is_cancelled_twice_gives_back_what_it_has_borrowed() -> None:
    client, _ = client_and_peer()
    guest, budget = Stubborn(4), Budget(4 * OWN)
    relaying = asyncio.create_task(relay(client, guest, budget=budget))
    try:
        async with asyncio.timeout(5):
            await eventually(lambda: budget.left == 2 * OWN)
            relaying.cancel()
            await guest.ending.wait()
            relaying.cancel()
            with pytest.raises(asyncio.CancelledError):
                await relaying
        assert budget.left == 4 * OWN
    finally:
        guest.may_end.set()


async def test_a_cancelled_relay_leaves_nothing_open() -> None:
    client, _ = client_and_peer()
    guest, _ = pair()
    tasks = len(asyncio.all_tasks())
    relaying = asyncio.create_task(relay(client, guest))
    await asyncio.sleep(0)
    relaying.cancel()
    with pytest.raises(asyncio.CancelledError):
        await relaying
    assert client.end == "abort"
    assert guest.closed
    assert len(asyncio.all_tasks()) == tasks
