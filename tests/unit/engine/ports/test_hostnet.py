"""Containers with the host's network: what is listened on here, while they, program and engine come and go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine import events as events_module
from engine.events import EngineEvents
from engine.ports import HostNetwork, hostnet
from engine.ports.hostnet import forwards
from tests.unit.carriers import MemoryCarrier, MemoryStream
from tests.unit.eventful_engine import EventfulEngine
from tests.unit.local_server import SocketRoute, serving
from tests.unit.sshd import eventually
from vm.errors import LinkError
from vm.guest.forward import Forward

ONE, TWO = "a" * 64, "b" * 64


class Engine(EventfulEngine):
    """Has containers with the host's network."""

    def run(self, *containers: str) -> None:
        """Just these are running."""
        self.replies["/containers/json"] = [{"Id": one} for one in containers]

    def connect(self, action: str, container: str, network: str = "host") -> None:
        """Tell that one came or went."""
        self.tell("network", action, {"name": network, "container": container})


@dataclass
class Guest:
    """The program in the guest: records its orders, and says what the test wants."""

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
    monkeypatch.setattr(events_module, "DIAL_SECONDS", 0.01)
    monkeypatch.setattr(events_module, "RETRY_SECONDS", 0.01)
    engine, guest, told = Engine({"/containers/json": []}), Guest(), Told()
    carrier = MemoryCarrier(guest)
    async with serving(tmp_path / "e", engine.serve):
        events = EngineEvents()
        events.use(SocketRoute(tmp_path / "e"))
        made = HostNetwork(events, told)
        yield Stage(engine, guest, told, carrier, made)
        await made.close()
        await events.close()


async def test_nothing_runs_without_such_a_container(stage: Stage) -> None:
    stage.network.use(stage.carrier)
    stage.engine.connect("connect", ONE, "bridge")
    stage.engine.connect("connect", TWO)
    await eventually(lambda: stage.guest.heard == [f"+{TWO}"])
    assert any("/containers/json" in head and "network" in head for head in stage.engine.asked)
    assert stage.carrier.opened == [f"exec {hostnet.PROGRAM}"]


async def test_containers_come_and_go(stage: Stage) -> None:
    stage.engine.run(ONE)
    stage.network.use(stage.carrier)
    await eventually(lambda: stage.guest.heard == [f"+{ONE}"])
    await stage.guest.say("tcp 127.0.0.1 8080 ")
    await stage.guest.say("\ntcp 0.0.0.0 90 \ntcp 127.0.0.1 8080 udp 0.0.0.0 81 \ntcp 127")
    await eventually(lambda: stage.told.last == ["tcp 127.0.0.1 8080 127.0.0.1", "udp 127.0.0.1 81 127.0.0.1"])
    stage.engine.connect("connect", TWO)
    stage.engine.connect("disconnect", ONE)
    await eventually(lambda: stage.guest.heard[1:] == [f"+{TWO}", f"-{ONE}"])
    assert stage.guest.starts == 1
    stage.engine.connect("disconnect", TWO)
    await eventually(lambda: stage.told.last == [])
    assert stage.carrier.streams[0].closed
    stage.engine.connect("connect", ONE)
    await eventually(lambda: stage.guest.starts == 2)


async def test_a_program_that_ends_is_started_again(stage: Stage) -> None:
    stage.engine.run(ONE)
    stage.network.use(stage.carrier)
    await eventually(lambda: stage.guest.heard == [f"+{ONE}"])
    await stage.guest.say("tcp 0.0.0.0 80\n")
    await eventually(lambda: bool(stage.told.last))
    assert stage.guest.stream is not None
    await stage.guest.stream.write_eof()
    await eventually(lambda: stage.guest.starts == 2 and stage.told.last == [])


async def test_an_error_about_what_the_program_reports_is_not_silent(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    parse, errors = hostnet.forwards, [KeyError("unforeseen")]

    def fails_once(line: str) -> list[Forward]:
        if errors:
            raise errors.pop()
        return parse(line)

    monkeypatch.setattr(hostnet, "forwards", fails_once)
    stage.engine.run(ONE)
    stage.network.use(stage.carrier)
    await eventually(lambda: stage.guest.starts == 1)
    await stage.guest.say("tcp 0.0.0.0 80\n")
    await eventually(lambda: stage.guest.starts == 2)
    assert "HostNetwork failed" in caplog.text
    await stage.guest.say("tcp 0.0.0.0 80\n")
    await eventually(lambda: stage.told.last == ["tcp 127.0.0.1 80 127.0.0.1"])


async def test_an_engine_that_goes_away_and_a_guest_that_refuses(stage: Stage) -> None:
    stage.engine.run(ONE)
    stage.carrier.refuse = LinkError("no")
    stage.network.use(stage.carrier)
    await eventually(lambda: stage.carrier.attempts > 2)
    stage.carrier.refuse = None
    await eventually(lambda: stage.guest.starts == 1)
    stage.engine.run()
    stage.engine.break_off()
    await eventually(lambda: stage.carrier.streams[-1].closed)
    assert stage.told.last == []


async def test_a_machine_that_goes_away(stage: Stage) -> None:
    stage.engine.run(ONE)
    stage.network.use(stage.carrier)
    await eventually(lambda: stage.guest.starts == 1)
    await stage.guest.say("tcp 0.0.0.0 80\n")
    await eventually(lambda: bool(stage.told.last))
    stage.network.use(None)
    await eventually(lambda: stage.told.last == [])


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
