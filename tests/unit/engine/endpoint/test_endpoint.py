"""The endpoint in front of a carrier in memory: refusing, relaying, ending."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable

import pytest

from engine.endpoint import Endpoint, GuestRoute
from tests.unit.carriers import MemoryCarrier, MemoryStream, echo
from tests.unit.engine.endpoint.client import GUEST, PING, ask, connected, hello, message
from tests.unit.sshd import eventually
from vm.errors import EngineError, LinkError
from vm.state import MachineState, StateError

pytestmark = pytest.mark.both_loops

# -- when the engine cannot be reached ----------------------------------------------------------------------------


async def test_a_refused_stream_is_answered_with_the_hop(endpoint: Endpoint) -> None:
    carrier = MemoryCarrier(hello)
    carrier.refuse = LinkError("Nothing answers at /run/docker.sock in the machine")
    endpoint.open_gate(GuestRoute(carrier, GUEST))
    answer = await ask(endpoint)
    assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert message(answer) == "Nothing answers at /run/docker.sock in the machine"
    assert carrier.attempts > 1


async def test_a_guest_that_comes_back_in_time_goes_unnoticed(endpoint: Endpoint) -> None:
    """dockerd restarted: its socket refuses for a moment."""
    carrier = MemoryCarrier(hello)
    carrier.refuse = LinkError("refused")
    endpoint.open_gate(GuestRoute(carrier, GUEST))
    asking = asyncio.create_task(ask(endpoint))
    await eventually(lambda: carrier.attempts >= 1)
    carrier.refuse = None
    assert await asking == b"hello from the guest"


async def test_a_dead_link_waits_for_the_next_one(make: Callable[..., Endpoint]) -> None:
    """QEMU died: between its death and the supervisor's hold() a connection meets the dead carrier."""
    endpoint = make(wait_seconds=20.0, retry_seconds=20.0)
    await endpoint.start()
    dead = MemoryCarrier(hello)
    dead.refuse = LinkError("The link to the machine broke")
    endpoint.open_gate(GuestRoute(dead, GUEST))
    asking = asyncio.create_task(ask(endpoint))
    await eventually(lambda: dead.attempts >= 1)
    endpoint.hold("the machine is restarting")
    await eventually(lambda: endpoint.waiting == 1)
    endpoint.open_gate(GuestRoute(MemoryCarrier(hello), GUEST))
    assert await asking == b"hello from the guest"
    await endpoint.close()


class Opening:
    """A route whose attempts never end, unless they fail."""

    name = "The engine"
    admitted = True

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.attempts = 0
        self.open_now = 0

    async def open(self) -> MemoryStream:
        self.attempts += 1
        self.open_now += 1
        try:
            if self.error is not None:
                raise self.error
            await asyncio.Event().wait()
        finally:
            self.open_now -= 1
        raise AssertionError

    async def emulated(self) -> None:
        raise AssertionError("nothing was pulled")


async def test_a_guest_that_never_answers_the_opening(make: Callable[..., Endpoint]) -> None:
    endpoint = make(wait_seconds=0.1, open_seconds=0.2, retry_seconds=0.1)
    await endpoint.start()
    endpoint.open_gate(Opening())
    answer = await ask(endpoint)
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert message(answer).startswith("The engine did not accept a connection within 0.2 seconds. ")
    await endpoint.close()


async def test_an_ending_is_what_a_refused_connection_is_answered_with(endpoint: Endpoint) -> None:
    """While Slipway stops, dockerd goes first: its socket refuses, but the reason is the stop."""
    carrier = MemoryCarrier(hello)
    carrier.refuse = LinkError("Nothing answers at /run/docker.sock in the machine")
    endpoint.open_gate(GuestRoute(carrier, GUEST))
    trying = asyncio.create_task(ask(endpoint))
    await eventually(lambda: carrier.attempts >= 1)
    endpoint.shut(EngineError("Slipway is stopping", "Start it: slipway start"))
    answer = await trying
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert message(answer) == "Slipway is stopping. Start it: slipway start"


async def test_an_ending_ends_the_attempts_under_way(endpoint: Endpoint) -> None:
    """A machine that is going down may never answer them."""
    route = Opening()
    endpoint.open_gate(route)
    trying = [asyncio.create_task(ask(endpoint)) for _ in range(3)]
    await eventually(lambda: route.open_now == 3)
    endpoint.shut(EngineError("Slipway is stopping"))
    assert {message(await answer) for answer in trying} == {"Slipway is stopping"}
    assert route.open_now == 0


async def test_an_attempt_under_way_goes_on_by_the_newest_route(endpoint: Endpoint) -> None:
    route = Opening()
    endpoint.open_gate(route)
    trying = asyncio.create_task(ask(endpoint))
    await eventually(lambda: route.open_now == 1)
    endpoint.open_gate(GuestRoute(MemoryCarrier(hello), GUEST))
    assert await trying == b"hello from the guest"
    assert route.open_now == 0


async def test_a_client_that_leaves_ends_its_attempt(endpoint: Endpoint) -> None:
    route = Opening()
    endpoint.open_gate(route)
    async with connected(endpoint) as (_, writer):
        writer.write(PING)
        await eventually(lambda: route.open_now == 1)
    await eventually(lambda: endpoint.connections == 0)
    assert (route.open_now, route.attempts, endpoint.stats.refused) == (0, 1, 0)


async def test_other_errors_of_a_route_are_answered_at_once(endpoint: Endpoint) -> None:
    route = Opening(StateError("be reached", MachineState.PAUSED, frozenset({MachineState.RUNNING})))
    endpoint.open_gate(route)
    answer = await ask(endpoint)
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert message(answer) == "The machine cannot be reached while it is paused. It must be running first."
    assert route.attempts == 1


@pytest.mark.parametrize("error", [KeyError("x"), RecursionError(), ConnectionRefusedError()])
async def test_an_error_that_is_not_foreseen_is_logged_and_answered(
    endpoint: Endpoint, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    endpoint.open_gate(Opening(error))
    answer = await ask(endpoint)
    assert answer.startswith(b"HTTP/1.1 500 Internal Server Error\r\n")
    assert f"an internal error ({type(error).__name__})" in message(answer)
    (record,) = caplog.records
    assert record.exc_info is not None
    assert record.exc_info[1] is error
    await eventually(lambda: endpoint.connections == 0)


async def test_an_engine_that_is_starting_is_waited_for_longer(make: Callable[..., Endpoint]) -> None:
    """As long as at a held gate; once it has answered, a refusal is a restart of dockerd, which is short."""
    endpoint = make(wait_seconds=30, retry_seconds=0.1)
    await endpoint.start()
    carrier = MemoryCarrier(hello)
    carrier.refuse = LinkError("nothing listens there")
    endpoint.open_gate(GuestRoute(carrier, GUEST))
    asking = asyncio.create_task(ask(endpoint))
    await eventually(lambda: carrier.attempts >= 4)
    assert not asking.done()
    carrier.refuse = None
    assert b"hello" in await asking
    carrier.refuse = LinkError("nothing listens there")
    assert (await ask(endpoint)).startswith(b"HTTP/1.1 502 ")
    await endpoint.close()


async def test_nothing_is_answered_once_bytes_have_passed(endpoint: Endpoint) -> None:
    """A guest that breaks off in the middle must not look like a clean end, nor like an answer of ours."""

    async def break_off(stream: MemoryStream) -> None:
        await stream.read(4096)
        await stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf")
        await stream.peer.break_off(LinkError("the machine is gone"))

    endpoint.open_gate(GuestRoute(MemoryCarrier(break_off), GUEST))
    assert await ask(endpoint) == b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nhalf"
    await eventually(lambda: endpoint.connections == 0)
    await eventually(lambda: endpoint.stats.cut == 1)  # counted a moment after it has ended


# -- relaying -----------------------------------------------------------------------------------------------------


async def test_the_clients_half_close_reaches_the_guest_and_the_answer_comes_back(endpoint: Endpoint) -> None:
    async def count(stream: MemoryStream) -> None:
        size = 0
        while data := await stream.read(65536):
            size += len(data)
        await asyncio.sleep(0.05)
        await stream.write(b"%d" % size)
        await stream.write_eof()

    endpoint.open_gate(GuestRoute(MemoryCarrier(count), GUEST))
    async with connected(endpoint) as (reader, writer):
        writer.write(bytes(300_000))
        writer.write_eof()
        assert await reader.read() == b"300000"


async def test_the_guests_half_close_leaves_the_client_talking(endpoint: Endpoint) -> None:
    heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def end_first(stream: MemoryStream) -> None:
        await stream.write(b"bye")
        await stream.write_eof()
        said = b""
        while data := await stream.read(65536):
            said += data
        heard.set_result(said)

    endpoint.open_gate(GuestRoute(MemoryCarrier(end_first), GUEST))
    async with connected(endpoint) as (reader, writer):
        assert await reader.read() == b"bye"
        writer.write(b"still here")
        writer.write_eof()
        assert await heard == b"still here"
    await eventually(lambda: endpoint.connections == 0)


async def test_no_eof_is_invented(endpoint: Endpoint) -> None:
    endpoint.open_gate(GuestRoute(MemoryCarrier(echo), GUEST))
    async with connected(endpoint) as (reader, writer):
        for _ in range(3):
            writer.write(b"ping")
            assert await reader.readexactly(4) == b"ping"
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.3)
        assert endpoint.connections == 1


async def test_a_client_that_vanishes_while_the_guest_is_silent(endpoint: Endpoint) -> None:
    left = asyncio.Event()

    async def silent(stream: MemoryStream) -> None:
        try:
            while await stream.read(65536):
                pass
            await asyncio.Event().wait()  # an EOF alone does not end it: attach without stdin goes on
        finally:
            left.set()

    carrier = MemoryCarrier(silent)
    endpoint.open_gate(GuestRoute(carrier, GUEST))
    async with connected(endpoint) as (_, writer):
        writer.write(PING)
        await eventually(lambda: bool(carrier.streams))
    await eventually(lambda: endpoint.connections == 0)
    assert carrier.streams[0].closed
    assert endpoint.stats.cut == 0


async def test_what_a_vanished_client_had_sent_still_arrives(endpoint: Endpoint) -> None:
    heard: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def slow(stream: MemoryStream) -> None:
        size = 0
        while size < 200_000:
            await asyncio.sleep(0.001)
            size += len(await stream.read(10_000))
        heard.set_result(size)

    endpoint.open_gate(GuestRoute(MemoryCarrier(slow), GUEST))
    async with connected(endpoint) as (_, writer):
        writer.write(bytes(200_000))
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    assert await asyncio.wait_for(heard, 10) == 200_000


async def test_a_full_close_is_noticed_by_writing(endpoint: Endpoint) -> None:
    async def chatter(stream: MemoryStream) -> None:
        while True:
            await stream.write(b"y\n")
            await asyncio.sleep(0.001)

    endpoint.open_gate(GuestRoute(MemoryCarrier(chatter), GUEST))
    async with connected(endpoint) as (reader, writer):
        writer.write_eof()
        await reader.readexactly(10)
        assert endpoint.connections == 1
    await eventually(lambda: endpoint.connections == 0)


async def test_the_guest_answers_early_and_reads_no_more(endpoint: Endpoint) -> None:
    """dockerd refuses an upload in the middle: the client must get the answer."""

    async def refuse(stream: MemoryStream) -> None:
        await stream.read(4096)
        await stream.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await stream.write_eof()
        await stream.peer.break_off(LinkError("the guest reads no more"))

    endpoint.open_gate(GuestRoute(MemoryCarrier(refuse), GUEST))
    client = socket.socket(socket.AF_UNIX)
    with client:
        client.connect(str(endpoint.path))
        answer = await asyncio.to_thread(_push_then_read, client)
    assert answer == b"HTTP/1.1 400 Bad Request\r\n\r\n"


def _push_then_read(client: socket.socket) -> bytes:
    client.settimeout(10)
    try:
        for _ in range(1000):
            client.sendall(bytes(65536))
    except (BrokenPipeError, ConnectionResetError):
        pass  # as with a plain dockerd
    return client.recv(4096)


async def test_counters(endpoint: Endpoint) -> None:
    endpoint.open_gate(GuestRoute(MemoryCarrier(echo), GUEST))
    async with connected(endpoint) as (reader, writer):
        writer.write(b"12345")
        await reader.readexactly(5)
        assert endpoint.connections == 1
        writer.write_eof()
        assert await reader.read() == b""
    await eventually(lambda: endpoint.connections == 0)
    stats = endpoint.stats
    assert (stats.accepted, stats.relayed, stats.refused, stats.cut) == (1, 1, 0, 0)
    assert (stats.bytes_to_guest, stats.bytes_to_clients) == (5, 5)


async def test_closing_ends_waiting_and_relayed_connections(make: Callable[..., Endpoint]) -> None:
    endpoint = make()
    await endpoint.start()
    carrier = MemoryCarrier(echo)
    endpoint.open_gate(GuestRoute(carrier, GUEST))
    async with connected(endpoint) as (relayed, writer):
        writer.write(b"x")
        await relayed.readexactly(1)
        endpoint.hold("restarting")
        async with connected(endpoint) as (waiting, _):
            await eventually(lambda: endpoint.waiting == 1)
            async with asyncio.timeout(5):
                await endpoint.close()
                await endpoint.close()
                assert await relayed.read() == b""
                assert await waiting.read() == b""
    assert endpoint.connections == 0
    assert carrier.streams[0].closed
    assert not endpoint.path.exists()


async def test_closing_does_not_wait_for_a_client_that_does_not_read(make: Callable[..., Endpoint]) -> None:
    async def flood(stream: MemoryStream) -> None:
        await stream.write(bytes(600_000))
        await stream.write_eof()
        while await stream.read(65536):
            pass

    endpoint = make()
    await endpoint.start()
    endpoint.open_gate(GuestRoute(MemoryCarrier(flood), GUEST))
    stuck = socket.socket(socket.AF_UNIX)
    with stuck:
        await asyncio.to_thread(stuck.connect, str(endpoint.path))
        stuck.shutdown(socket.SHUT_WR)
        await eventually(lambda: endpoint.stats.bytes_to_clients > 0)
        async with asyncio.timeout(5):
            await endpoint.close()


async def test_a_client_that_leaves_after_a_half_close_is_noticed(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.endpoint.relay.LOOK_SECONDS", 0.01)
    ended = asyncio.Event()

    async def silent(stream: MemoryStream) -> None:
        await stream.read(4096)
        ended.set()
        await asyncio.Event().wait()

    endpoint.open_gate(GuestRoute(MemoryCarrier(silent), GUEST))
    async with connected(endpoint) as (_, writer):
        writer.write_eof()
        await asyncio.wait_for(ended.wait(), 10)
        assert endpoint.connections == 1
    await eventually(lambda: endpoint.connections == 0)
