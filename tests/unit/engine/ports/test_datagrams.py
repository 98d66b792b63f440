"""Datagrams over streams: how they are separated; and clients that are silent, too many or too fast."""

from __future__ import annotations

import asyncio
import socket
from contextlib import closing

import pytest

from engine.ports import datagrams
from engine.ports.datagrams import DatagramServer
from tests.localhost import free_port
from tests.unit.carriers import Guest, MemoryCarrier, MemoryStream, echo
from tests.unit.sshd import eventually
from vm.errors import LinkError
from vm.guest.capsules import LONGEST, Capsules, capsule, number

pytestmark = pytest.mark.both_loops

SIZES = (0, 1, 62, 63, 64, 16382, 16383, 65507)


def test_capsules_come_back_however_they_are_cut() -> None:
    sent = [bytes([size % 251]) * size for size in SIZES]
    data = b"".join(map(capsule, sent))
    assert Capsules().feed(data) == sent
    small, found = Capsules(), []
    for at in range(0, len(data), 7):
        found += small.feed(data[at : at + 7])
    assert found == sent


def test_other_capsules_and_contexts_are_passed_over() -> None:
    unknown, context = number(0x1234) + number(3) + b"abc", b"\0\x02\x01x"
    assert Capsules().feed(unknown + context + capsule(b"mine")) == [b"mine"]
    with pytest.raises(ValueError, match="a capsule of"):
        Capsules().feed(b"\0" + number(LONGEST + 1))


class Kit:
    """A server of datagrams at ``port``, and the clients made for it."""

    def __init__(self, guest: Guest = echo) -> None:
        self.carrier = MemoryCarrier(guest)
        self.port = free_port()

    async def __aenter__(self) -> Kit:
        self.server = await DatagramServer.listen("127.0.0.1", self.port, lambda: self.carrier.open_udp("::1", 53))
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        await self.server.closed
        await asyncio.gather(*(client.task for client in self.server.clients.values()), return_exceptions=True)

    def client(self) -> socket.socket:
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setblocking(False)
        made.connect(("127.0.0.1", self.port))
        return made


async def heard(client: socket.socket) -> bytes:
    async with asyncio.timeout(10):
        return await asyncio.get_running_loop().sock_recv(client, 65536)


async def test_each_client_has_its_stream_and_its_answers() -> None:
    async with Kit() as kit:
        clients = [kit.client() for _ in range(5)]
        for number_, client in enumerate(clients):
            client.send(bytes([number_]) * 100)
        assert [await heard(client) for client in clients] == [bytes([item]) * 100 for item in range(5)]
        assert len(kit.server.clients) == 5
        for client in clients:
            client.close()
    assert all(stream.closed for stream in kit.carrier.streams)


async def test_a_silent_client_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagrams, "IDLE_SECONDS", 0.2)
    async with Kit() as kit:
        with closing(kit.client()) as client:
            client.send(b"one")
            assert await heard(client) == b"one"
            await eventually(lambda: not kit.server.clients)
            assert kit.carrier.streams[0].closed
            client.send(b"two")  # and starts again
            assert await heard(client) == b"two"
            assert len(kit.carrier.streams) == 2


async def test_the_longest_silent_goes_when_there_are_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datagrams, "CLIENTS", 3)
    async with Kit() as kit:
        clients = [kit.client() for _ in range(4)]
        for client in (*clients[:3], clients[0], clients[3]):  # the second is silent longest
            client.send(b"x")
            assert await heard(client) == b"x"
        await eventually(lambda: len(kit.server.clients) == 3)
        known = {address[1] for address in kit.server.clients}
        assert known == {clients[number_].getsockname()[1] for number_ in (0, 2, 3)}
        for client in clients:
            client.close()


async def test_what_the_guest_does_not_take_is_dropped() -> None:
    async def stuck(stream: MemoryStream) -> None:
        await asyncio.Event().wait()

    async with Kit(stuck) as kit:
        with closing(kit.client()) as client:
            for _ in range(2000):
                client.send(bytes(1400))
                await asyncio.sleep(0)
            (one,) = kit.server.clients.values()
            assert one.waiting <= datagrams.QUEUED
            assert len(kit.carrier.streams) == 1


async def test_a_refused_stream_ends_the_client() -> None:
    async with Kit() as kit:
        kit.carrier.refuse = LinkError("SSH carries no datagrams")
        with closing(kit.client()) as client:
            client.send(b"x")
            await eventually(lambda: kit.carrier.attempts == 1 and not kit.server.clients)
