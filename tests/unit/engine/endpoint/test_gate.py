"""The gate, seen by the clients of an endpoint: proceeding, waiting, being turned away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from engine.endpoint import Endpoint, GuestRoute
from tests.unit.carriers import MemoryCarrier, MemoryStream
from tests.unit.engine.endpoint.client import GUEST, PING, ask, connected, hello, message
from tests.unit.sshd import eventually
from vm.errors import EngineError


async def test_an_open_gate_relays_to_the_guests_socket(endpoint: Endpoint) -> None:
    carrier = MemoryCarrier(hello)
    endpoint.open_gate(GuestRoute(carrier, GUEST))
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
    endpoint.open_gate(GuestRoute(MemoryCarrier(note), GUEST))
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
    endpoint.open_gate(GuestRoute(MemoryCarrier(hello), GUEST))
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
    endpoint.open_gate(GuestRoute(MemoryCarrier(hello), GUEST))
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
    """Its request must not be carried out later, when no client wants the answer."""
    carrier = MemoryCarrier(hello)
    endpoint.hold("the machine is starting")
    async with connected(endpoint) as (_, writer):
        writer.write(b"POST /containers/create HTTP/1.1\r\n\r\n")
        await eventually(lambda: endpoint.waiting == 1)
    await eventually(lambda: endpoint.connections == 0)
    endpoint.open_gate(GuestRoute(carrier, GUEST))
    assert await ask(endpoint) == b"hello from the guest"
    assert carrier.attempts == 1


async def test_a_half_closed_client_keeps_waiting(endpoint: Endpoint) -> None:
    endpoint.hold("the machine is starting")
    async with connected(endpoint) as (reader, writer):
        writer.write(PING)
        writer.write_eof()
        await eventually(lambda: endpoint.waiting == 1)
        endpoint.open_gate(GuestRoute(MemoryCarrier(hello), GUEST))
        assert await reader.read() == b"hello from the guest"
