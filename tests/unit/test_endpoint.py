"""The endpoint in front of a carrier in memory: waiting, refusing, relaying, ending."""

from __future__ import annotations

import asyncio
import json
import socket
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.endpoint import Endpoint
from tests.unit.carriers import MemoryCarrier, MemoryStream, echo
from tests.unit.sshd import eventually
from vm.errors import EngineError, LinkError

pytestmark = pytest.mark.both_loops

PING = b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"
GUEST = "/run/docker.sock"


@pytest.fixture
def short_folder() -> Iterator[Path]:
    """pytest's own folders may have names too long for a socket."""
    with tempfile.TemporaryDirectory(prefix="slw-") as folder:
        yield Path(folder)


@pytest.fixture
def make(short_folder: Path) -> Callable[..., Endpoint]:
    return lambda **settings: Endpoint(short_folder / "run" / "docker.sock", **settings)


@pytest.fixture
async def endpoint(make: Callable[..., Endpoint]) -> AsyncIterator[Endpoint]:
    started = make(wait_seconds=10.0, retry_seconds=0.5)
    await started.start()
    yield started
    await started.close()


@asynccontextmanager
async def connected(endpoint: Endpoint) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_unix_connection(str(endpoint.path))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def ask(endpoint: Endpoint, request: bytes = PING) -> bytes:
    """Send ``request``, read until the end."""
    async with connected(endpoint) as (reader, writer):
        writer.write(request)
        return await asyncio.wait_for(reader.read(), 20)


def message(answer: bytes) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    text: str = json.loads(body)["message"]
    return text


async def hello(stream: MemoryStream) -> None:
    await stream.read(4096)
    await stream.write(b"hello from the guest")
    await stream.write_eof()


# -- the gate -----------------------------------------------------------------------------------------------------


async def test_an_open_gate_relays_to_the_guests_socket(endpoint: Endpoint) -> None:
    carrier = MemoryCarrier(hello)
    endpoint.open_gate(carrier, GUEST)
    assert await ask(endpoint) == b"hello from the guest"
    assert carrier.opened == [GUEST]


async def test_connections_wait_while_held_and_proceed_in_order(endpoint: Endpoint) -> None:
    served: list[bytes] = []

    async def note(stream: MemoryStream) -> None:
        served.append(await stream.read(4096))
        await stream.write(b"ok")
        await stream.write_eof()

    endpoint.hold("the machine is starting")
    asking: list[asyncio.Task[bytes]] = []
    for number in range(20):
        asking.append(asyncio.create_task(ask(endpoint, b"request %d" % number)))
        await eventually(lambda: endpoint.waiting == len(asking))
    endpoint.open_gate(MemoryCarrier(note), GUEST)
    assert await asyncio.gather(*asking) == [b"ok"] * 20
    assert served == [b"request %d" % number for number in range(20)]


async def test_waiting_is_bounded_and_ends_with_an_answer(make: Callable[..., Endpoint]) -> None:
    endpoint = make(wait_seconds=0.2)
    await endpoint.start()
    endpoint.hold("the machine is starting")
    answer = await ask(endpoint)
    assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
    assert "not ready: the machine is starting" in message(answer)
    await endpoint.close()


@pytest.mark.fast_clock
async def test_the_bound_counts_from_the_beginning_of_the_trouble(
    make: Callable[..., Endpoint], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`docker ps` makes three requests in a row: its user must not wait three times as long."""
    monkeypatch.setattr("engine.endpoint.gate.LEAST_WAIT", 0.1)
    endpoint = make(wait_seconds=1.0)
    await endpoint.start()
    endpoint.hold("the machine is starting")
    started = asyncio.get_running_loop().time()
    for reason in ("stage one", "stage two", "stage three"):
        endpoint.hold(reason)
        assert reason in message(await ask(endpoint))
    assert asyncio.get_running_loop().time() - started < 1.8
    endpoint.open_gate(MemoryCarrier(hello), GUEST)
    endpoint.hold("new trouble")
    waiting = asyncio.create_task(ask(endpoint))
    await asyncio.wait((waiting,), timeout=0.3)
    assert not waiting.done()  # new trouble, new time
    await endpoint.close()
    await asyncio.wait((waiting,))


async def test_a_shut_gate_answers_at_once_those_waiting_too(endpoint: Endpoint) -> None:
    endpoint.hold("the machine is starting")
    waiting = asyncio.create_task(ask(endpoint))
    await eventually(lambda: endpoint.waiting == 1)
    endpoint.shut(EngineError("The machine is stopped", "Start it with `slipway start`."))
    for answer in (await waiting, await ask(endpoint)):
        assert answer.startswith(b"HTTP/1.1 503 ")
        assert message(answer) == "The machine is stopped. Start it with `slipway start`."
    assert endpoint.stats.refused == 2


async def test_a_reopened_gate_serves_again(endpoint: Endpoint) -> None:
    endpoint.shut(EngineError("The machine is stopped"))
    await ask(endpoint)
    endpoint.open_gate(MemoryCarrier(hello), GUEST)
    assert await ask(endpoint) == b"hello from the guest"


async def test_head_gets_no_body(endpoint: Endpoint) -> None:
    endpoint.shut(EngineError("The machine is stopped"))
    answer = await ask(endpoint, PING.replace(b"GET", b"HEAD"))
    head, end, body = answer.partition(b"\r\n\r\n")
    assert b"Content-Length: " in head
    assert end
    assert body == b""


async def test_a_large_upload_is_answered_not_reset(endpoint: Endpoint) -> None:
    """`docker load` is writing when the refusal comes: it must find the answer, not a broken pipe."""
    endpoint.shut(EngineError("The machine is stopped"))
    body = bytes(8 << 20)
    request = b"POST /images/load HTTP/1.1\r\nHost: d\r\nContent-Length: %d\r\n\r\n" % len(body)
    assert message(await ask(endpoint, request + body)) == "The machine is stopped"


@pytest.mark.parametrize("noise", [b"\x16\x03\x01garbage\r\n\r\n", b"GET / HTTP/1.1\r\n" + b"x: y\r\n" * 20_000])
async def test_noise_at_a_shut_gate_is_answered(endpoint: Endpoint, noise: bytes) -> None:
    endpoint.shut(EngineError("The machine is stopped"))
    assert (await ask(endpoint, noise)).startswith(b"HTTP/1.1 503 ")


async def test_half_a_request_at_a_shut_gate_is_answered_in_time(
    endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.endpoint.refusal.HEAD_SECONDS", 0.2)
    endpoint.shut(EngineError("The machine is stopped"))
    assert (await ask(endpoint, b"GET /_pi")).startswith(b"HTTP/1.1 503 ")


async def test_a_client_that_leaves_while_waiting_is_forgotten(endpoint: Endpoint) -> None:
    """Its request must not be carried out later, when nobody wants the answer."""
    carrier = MemoryCarrier(hello)
    endpoint.hold("the machine is starting")
    async with connected(endpoint) as (_, writer):
        writer.write(b"POST /containers/create HTTP/1.1\r\n\r\n")
        await eventually(lambda: endpoint.waiting == 1)
    await eventually(lambda: endpoint.connections == 0)
    endpoint.open_gate(carrier, GUEST)
    assert await ask(endpoint) == b"hello from the guest"
    assert carrier.attempts == 1


async def test_a_half_closed_client_keeps_waiting(endpoint: Endpoint) -> None:
    endpoint.hold("the machine is starting")
    async with connected(endpoint) as (reader, writer):
        writer.write(PING)
        writer.write_eof()
        await eventually(lambda: endpoint.waiting == 1)
        endpoint.open_gate(MemoryCarrier(hello), GUEST)
        assert await reader.read() == b"hello from the guest"


# -- when the guest cannot be reached -----------------------------------------------------------------------------


@pytest.mark.fast_clock
async def test_a_refused_stream_is_answered_with_the_hop(endpoint: Endpoint) -> None:
    carrier = MemoryCarrier(hello)
    carrier.refuse = LinkError("Nothing answers at /run/docker.sock in the machine")
    endpoint.open_gate(carrier, GUEST)
    answer = await ask(endpoint)
    assert answer.startswith(b"HTTP/1.1 502 Bad Gateway\r\n")
    assert message(answer) == "Nothing answers at /run/docker.sock in the machine"
    assert carrier.attempts > 1


async def test_a_guest_that_comes_back_in_time_goes_unnoticed(endpoint: Endpoint) -> None:
    """dockerd restarted: its socket refuses for a moment."""
    carrier = MemoryCarrier(hello)
    carrier.refuse = LinkError("refused")
    endpoint.open_gate(carrier, GUEST)
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
    endpoint.open_gate(dead, GUEST)
    asking = asyncio.create_task(ask(endpoint))
    await eventually(lambda: dead.attempts >= 1)
    endpoint.hold("the machine is restarting")
    await eventually(lambda: endpoint.waiting == 1)
    endpoint.open_gate(MemoryCarrier(hello), GUEST)
    assert await asking == b"hello from the guest"
    await endpoint.close()


async def test_a_guest_that_never_answers_the_opening(make: Callable[..., Endpoint]) -> None:
    class Stuck:
        async def open_unix(self, path: str) -> MemoryStream:
            await asyncio.Event().wait()
            raise AssertionError

        async def open_tcp(self, address: str, port: int) -> MemoryStream:
            raise AssertionError

        async def open_udp(self, address: str, port: int) -> MemoryStream:
            raise AssertionError

        async def open_accept(self, path: str) -> MemoryStream:
            raise AssertionError("not asked for")

        async def open_exec(self, command: str) -> MemoryStream:
            raise AssertionError

    endpoint = make(wait_seconds=0.1, open_seconds=0.2, retry_seconds=0.1)
    await endpoint.start()
    endpoint.open_gate(Stuck(), GUEST)
    answer = await ask(endpoint)
    assert answer.startswith(b"HTTP/1.1 502 ")
    assert "did not open a stream to /run/docker.sock within 0.2 seconds" in message(answer)
    await endpoint.close()


@pytest.mark.fast_clock
async def test_an_engine_that_is_starting_is_waited_for_longer(make: Callable[..., Endpoint]) -> None:
    """As long as at a held gate; once it has answered, a refusal is a restart of dockerd, which is short."""
    endpoint = make(wait_seconds=30, retry_seconds=0.1)
    await endpoint.start()
    carrier = MemoryCarrier(hello)
    carrier.refuse = LinkError("nothing listens there")
    endpoint.open_gate(carrier, GUEST)
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

    endpoint.open_gate(MemoryCarrier(break_off), GUEST)
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

    endpoint.open_gate(MemoryCarrier(count), GUEST)
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

    endpoint.open_gate(MemoryCarrier(end_first), GUEST)
    async with connected(endpoint) as (reader, writer):
        assert await reader.read() == b"bye"
        writer.write(b"still here")
        writer.write_eof()
        assert await heard == b"still here"
    await eventually(lambda: endpoint.connections == 0)


async def test_no_eof_is_invented(endpoint: Endpoint) -> None:
    endpoint.open_gate(MemoryCarrier(echo), GUEST)
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
    endpoint.open_gate(carrier, GUEST)
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

    endpoint.open_gate(MemoryCarrier(slow), GUEST)
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

    endpoint.open_gate(MemoryCarrier(chatter), GUEST)
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

    endpoint.open_gate(MemoryCarrier(refuse), GUEST)
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
    endpoint.open_gate(MemoryCarrier(echo), GUEST)
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
    endpoint.open_gate(carrier, GUEST)
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
    endpoint.open_gate(MemoryCarrier(flood), GUEST)
    stuck = socket.socket(socket.AF_UNIX)
    with stuck:
        await asyncio.to_thread(stuck.connect, str(endpoint.path))
        stuck.shutdown(socket.SHUT_WR)
        await eventually(lambda: endpoint.stats.bytes_to_clients > 0)
        async with asyncio.timeout(5):
            await endpoint.close()
