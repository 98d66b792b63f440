"""Containers with the host's network: what is listened on here, while they, program and engine come and go."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.ports import HostNetwork, hostnet
from engine.ports.hostnet import forwards
from tests.unit.carriers import MemoryCarrier, MemoryStream
from tests.unit.local_server import serving
from tests.unit.sshd import eventually
from vm.errors import LinkError
from vm.guest.forward import Forward

ONE, TWO = "a" * 64, "b" * 64


@dataclass
class Engine:
    """Has containers, and tells events; a line that is None ends them."""

    running: list[str] = field(default_factory=list)
    events: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            if b"/_ping" in head:
                writer.write(b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Length: 2\r\n\r\nOK")
            elif b"/containers/json" in head:
                assert b"network" in head
                body = json.dumps([{"Id": one} for one in self.running]).encode()
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))
            else:
                assert b"/events" in head
                assert b"since=" in head
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                over = asyncio.create_task(reader.read())
                while (line := await self._next(over)) is not None:
                    writer.write(b"%x\r\n%s\r\n" % (len(line), line))
                over.cancel()
                return

    async def _next(self, over: asyncio.Task[bytes]) -> bytes | None:
        getting = asyncio.create_task(self.events.get())
        await asyncio.wait({getting, over}, return_when=asyncio.FIRST_COMPLETED)
        if not getting.done():
            getting.cancel()
            return None
        return getting.result()

    def tell(self, action: str, container: str, network: str = "host") -> None:
        """An event of a network's."""
        actor = {"ID": "n", "Attributes": {"name": network, "container": container}}
        self.events.put_nowait(json.dumps({"Type": "network", "Action": action, "Actor": actor}).encode() + b"\n")


@dataclass
class Guest:
    """The program in the guest: notes what it is told, and says what the test wants."""

    heard: list[str] = field(default_factory=list)
    stream: MemoryStream | None = None
    starts: int = 0

    async def __call__(self, stream: MemoryStream) -> None:
        self.stream, self.starts = stream, self.starts + 1
        while data := await stream.read(4096):
            self.heard += data.decode().split()

    async def say(self, line: str) -> None:
        assert self.stream is not None
        await self.stream.write(line.encode())


@dataclass
class Told:
    """What was to be listened on: the last, as ``PROTOCOL ADDRESS PORT TARGET``."""

    last: list[str] = field(default_factory=list)

    def __call__(self, found: Iterable[Forward]) -> None:
        self.last = [f"{one.protocol} {one.address} {one.port} {one.guest_address}" for one in found]


@dataclass
class Stage:
    engine: Engine
    guest: Guest
    told: Told
    carrier: MemoryCarrier
    network: HostNetwork


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(hostnet, "RETRY_SECONDS", 0.01)
    engine, guest, told = Engine(), Guest(), Told()
    carrier = MemoryCarrier(guest)
    async with serving(tmp_path / "e", engine.serve):
        made = HostNetwork(tmp_path / "e", told)
        yield Stage(engine, guest, told, carrier, made)
        await made.close()


async def test_nothing_runs_without_such_a_container(stage: Stage) -> None:
    stage.network.use(stage.carrier)
    stage.engine.tell("connect", ONE, "bridge")
    stage.engine.tell("connect", TWO)
    await eventually(lambda: stage.guest.heard == [f"+{TWO}"])
    assert stage.network.engine_answers
    assert stage.carrier.opened == [f"exec {hostnet.PROGRAM}"]


async def test_containers_come_and_go(stage: Stage) -> None:
    stage.engine.running = [ONE]
    stage.network.use(stage.carrier)
    await eventually(lambda: stage.guest.heard == [f"+{ONE}"])
    await stage.guest.say("tcp 127.0.0.1 8080 ")
    await stage.guest.say("\ntcp 0.0.0.0 90 \ntcp 127.0.0.1 8080 udp 0.0.0.0 81 \ntcp 127")
    await eventually(lambda: stage.told.last == ["tcp 127.0.0.1 8080 127.0.0.1", "udp 127.0.0.1 81 127.0.0.1"])
    stage.engine.tell("connect", TWO)
    stage.engine.tell("disconnect", ONE)
    await eventually(lambda: stage.guest.heard[1:] == [f"+{TWO}", f"-{ONE}"])
    assert stage.guest.starts == 1
    stage.engine.tell("disconnect", TWO)
    await eventually(lambda: stage.told.last == [])
    assert stage.carrier.streams[0].closed
    stage.engine.tell("connect", ONE)
    await eventually(lambda: stage.guest.starts == 2)


async def test_a_program_that_ends_is_started_again(stage: Stage) -> None:
    stage.engine.running = [ONE]
    stage.network.use(stage.carrier)
    await eventually(lambda: stage.guest.heard == [f"+{ONE}"])
    await stage.guest.say("tcp 0.0.0.0 80\n")
    await eventually(lambda: bool(stage.told.last))
    assert stage.guest.stream is not None
    await stage.guest.stream.write_eof()
    await eventually(lambda: stage.guest.starts == 2 and stage.told.last == [])


async def test_an_engine_that_goes_away_and_a_guest_that_refuses(stage: Stage) -> None:
    stage.engine.running = [ONE]
    stage.carrier.refuse = LinkError("no")
    stage.network.use(stage.carrier)
    await eventually(lambda: stage.carrier.attempts > 2)
    stage.carrier.refuse = None
    await eventually(lambda: stage.guest.starts == 1)
    stage.engine.running = []
    stage.engine.events.put_nowait(None)
    await eventually(lambda: stage.carrier.streams[-1].closed)
    assert stage.told.last == []


async def test_a_machine_that_goes_away(stage: Stage) -> None:
    stage.engine.running = [ONE]
    stage.network.use(stage.carrier)
    await eventually(lambda: stage.guest.starts == 1)
    await stage.guest.say("tcp 0.0.0.0 80\n")
    await eventually(lambda: bool(stage.told.last))
    stage.network.use(None)
    await eventually(lambda: stage.told.last == [] and not stage.network.engine_answers)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("", []),
        ("tcp 0.0.0.0 80", ["tcp 127.0.0.1 80 127.0.0.1"]),
        ("tcp 127.0.0.5 80", ["tcp 127.0.0.1 80 127.0.0.5"]),
        ("tcp :: 80", ["tcp 127.0.0.1 80 127.0.0.1", "tcp ::1 80 ::1"]),
        ("tcp 0.0.0.0 80 tcp :: 80", ["tcp 127.0.0.1 80 127.0.0.1", "tcp ::1 80 ::1"]),
        ("tcp 0.0.0.0 80 udp 0.0.0.0 80", ["tcp 127.0.0.1 80 127.0.0.1", "udp 127.0.0.1 80 127.0.0.1"]),
        ("tcp ::1 80", ["tcp ::1 80 ::1"]),
        ("tcp ::ffff:127.0.0.1 80", ["tcp 127.0.0.1 80 127.0.0.1"]),
        (
            "tcp 10.0.2.15 80 tcp x 1 tcp ::1 y tcp fd00::1 81",
            ["tcp 127.0.0.1 80 10.0.2.15", "tcp ::1 81 fd00::1"],
        ),
    ],
)
def test_where_is_listened(line: str, found: list[str]) -> None:
    assert [f"{one.protocol} {one.address} {one.port} {one.guest_address}" for one in forwards(line)] == found
