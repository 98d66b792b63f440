"""An engine that ends before it has answered: what is asked again, and what is answered with an error."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from engine.endpoint import Endpoint, GuestRoute
from engine.endpoint.admission import Unchecked
from tests.unit.carriers import MemoryCarrier, MemoryStream
from tests.unit.engine.endpoint.client import GUEST, PING, ask, connected, message
from tests.unit.sshd import eventually
from vm.errors import EngineError, LinkError

pytestmark = pytest.mark.both_loops

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nOK"
POST = b"POST /containers/x/stop HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
async def checked(make: Callable[..., Endpoint]) -> AsyncIterator[Endpoint]:
    """An endpoint that follows requests."""
    started = make(wait_seconds=10.0, retry_seconds=0.5, admission=Unchecked())
    await started.start()
    yield started
    await started.close()


class Engine:
    """Ends the first connections without an answer, then answers.

    :param ends: how many it ends.    :param cut: it is the link that breaks.
    :ivar heard: what came, by connection.
    """

    def __init__(self, ends: int, *, cut: bool = False, begins: bytes = b"") -> None:
        self._ends = ends
        self._cut = cut
        self._begins = begins
        self.heard: list[bytes] = []

    async def serve(self, stream: MemoryStream) -> None:
        self.heard.append(await stream.read(4096))
        if len(self.heard) > self._ends:
            await stream.write(ANSWER)
            await stream.write_eof()
            return
        if self._begins:
            await stream.write(self._begins)
        if self._cut:
            await stream.peer.break_off(LinkError("The link to the machine broke"))
        else:
            await stream.write_eof()


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize("ends", [1, 3])
async def test_a_request_that_changes_nothing_is_asked_again(checked: Endpoint, cut: bool, ends: int) -> None:
    engine = Engine(ends, cut=cut)
    checked.open_gate(GuestRoute(MemoryCarrier(engine.serve), GUEST))
    assert (await ask(checked)).endswith(b"OK")
    assert engine.heard == [PING] * (ends + 1)


@pytest.mark.parametrize("cut", [False, True])
async def test_an_engine_that_never_answers_is_said(checked: Endpoint, cut: bool) -> None:
    engine = Engine(100, cut=cut)
    checked.open_gate(GuestRoute(MemoryCarrier(engine.serve), GUEST))
    answer = await ask(checked)
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert message(answer).startswith("The engine has ended the connection before it answered")
    assert len(engine.heard) == 4


@pytest.mark.parametrize("cut", [False, True])
async def test_what_changes_something_is_sent_once(checked: Endpoint, cut: bool) -> None:
    engine = Engine(1, cut=cut)
    checked.open_gate(GuestRoute(MemoryCarrier(engine.serve), GUEST))
    answer = await ask(checked, POST)
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert engine.heard == [POST]


async def test_an_answer_that_has_begun_is_not_asked_for_again(checked: Endpoint) -> None:
    engine = Engine(1, begins=b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nO")
    checked.open_gate(GuestRoute(MemoryCarrier(engine.serve), GUEST))
    assert (await ask(checked)).endswith(b"\r\n\r\nO")
    assert engine.heard == [PING]


async def test_a_head_has_no_body_in_the_error(checked: Endpoint) -> None:
    checked.open_gate(GuestRoute(MemoryCarrier(Engine(100).serve), GUEST))
    answer = await ask(checked, PING.replace(b"GET", b"HEAD"))
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert answer.endswith(b"\r\n\r\n")


async def test_it_waits_for_the_next_engine_at_the_gate(checked: Endpoint) -> None:
    """The machine dies between a request and its answer: docker waits for the next one."""
    dying = asyncio.Event()

    async def serve(stream: MemoryStream) -> None:
        await stream.read(4096)
        await dying.wait()
        checked.hold("the machine is starting again")
        await stream.peer.break_off(LinkError("The link to the machine broke"))

    checked.open_gate(GuestRoute(MemoryCarrier(serve), GUEST))
    asking = asyncio.create_task(ask(checked))
    await eventually(lambda: checked.stats.bytes_to_guest == len(PING))
    dying.set()
    await eventually(lambda: checked.waiting == 1)
    checked.open_gate(GuestRoute(MemoryCarrier(Engine(0).serve), GUEST))
    assert (await asking).endswith(b"OK")


async def test_an_engine_that_is_stopped_meanwhile_is_said(checked: Endpoint) -> None:
    async def serve(stream: MemoryStream) -> None:
        await stream.read(4096)
        checked.shut(EngineError("Slipway is stopping", "Start it: slipway start"))
        await stream.write_eof()

    checked.open_gate(GuestRoute(MemoryCarrier(serve), GUEST))
    assert (await ask(checked)).startswith(b"HTTP/1.1 502 ")


async def test_a_second_request_on_a_connection_is_sent_once(checked: Endpoint) -> None:
    """What was before it has been answered."""
    heard: list[bytes] = []

    async def serve(stream: MemoryStream) -> None:
        heard.append(await stream.read(4096))
        await stream.write(ANSWER.replace(b"Connection: close\r\n", b""))
        heard.append(await stream.read(4096))
        await stream.write_eof()

    checked.open_gate(GuestRoute(MemoryCarrier(serve), GUEST))
    async with connected(checked) as (reader, writer):
        writer.write(PING)
        await reader.readuntil(b"\r\n\r\nOK")
        writer.write(PING)
        assert (await reader.read()).startswith(b"HTTP/1.1 502 ")
    assert heard == [PING, PING]
