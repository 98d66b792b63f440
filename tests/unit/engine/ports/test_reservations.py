"""Ports that dockerd may choose but are in use here: which are held in the machine, and for how long."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from engine.ports import Publisher
from engine.ports.reservations import AHEAD, MOST, RANDOM, PortReservations, requested_ports
from engine.ports.sockets import bound
from tests.unit.guest_program import compile_guest_program
from tests.unit.sshd import eventually
from vm.errors import LinkError
from vm.guest.forward import Forward

ROOT = Path(__file__).parents[4]
SYSCTL = ROOT / "vm/image/rootfs/etc/sysctl.conf"


@dataclass
class Ports:
    """What is published."""

    in_use: set[int] = field(default_factory=set)
    latest: list[int] = field(default_factory=list)
    any_address: Sequence[str] = ("127.0.0.1", "::1")


@dataclass
class Machine:
    """Records what it is to hold.

    :ivar between: called when the ports have been looked at, and before dockerd asks for one.
    """

    told: list[list[int]] = field(default_factory=list)
    away: bool = False
    between: Callable[[], None] = lambda: None

    async def hold(self, ports: Sequence[int]) -> None:
        if self.away:
            raise LinkError("away")
        self.between()
        self.told.append(list(ports))


class Starter:
    """Starts containers that publish such ports."""

    def __init__(self, reserve: PortReservations) -> None:
        self._reserve = reserve

    async def __call__(self, *host_ports: str) -> None:
        """Start one; the engine has answered."""
        (await self.begin(*host_ports)).set_result(None)
        await asyncio.sleep(0)

    async def begin(self, *host_ports: str) -> asyncio.Future[None]:
        """The engine has not answered yet."""
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        await self._reserve.prepare(container(*host_ports), over)
        return over


def container(*host_ports: str) -> Mapping[str, Any]:
    bindings = {f"{80 + number}/tcp": [{"HostIp": "", "HostPort": port}] for number, port in enumerate(host_ports)}
    return {"HostConfig": {"PortBindings": bindings, "PublishAllPorts": False}, "Config": {}}


@pytest.fixture
def ports() -> Ports:
    return Ports()


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def reserve(ports: Ports, machine: Machine) -> PortReservations:
    return PortReservations(ports, machine.hold)


@pytest.fixture
def start(reserve: PortReservations) -> Starter:
    return Starter(reserve)


def free_run(count: int) -> int:
    """The first of so many free ports in a row, where dockerd chooses."""
    for first in range(RANDOM.start + 3000, RANDOM.stop, count):
        with ExitStack() as stack:
            try:
                for port in range(first, first + count):
                    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                        stack.enter_context(closing(bound(kind, "127.0.0.1", port)))
            except OSError:
                continue
            return first
    raise AssertionError("no free ports")


@pytest.fixture
def first(ports: Ports) -> int:
    """dockerd comes to this one next, and to others which are free as well."""
    found = free_run(AHEAD)
    ports.latest.append(found - 1)
    return found


@pytest.fixture(params=[socket.SOCK_STREAM, socket.SOCK_DGRAM], ids=["tcp", "udp"])
def holder(request: pytest.FixtureRequest, first: int) -> Iterator[socket.socket]:
    """Another program has the second of them."""
    with closing(bound(request.param, "127.0.0.1", first + 1)) as sock:
        if request.param == socket.SOCK_STREAM:
            sock.listen()
        yield sock


def test_the_range_is_the_machines() -> None:
    match = re.search(r"^net\.ipv4\.ip_local_port_range = (\d+) (\d+)$", SYSCTL.read_text(), re.MULTILINE)
    assert match is not None
    assert (RANDOM.start, RANDOM.stop - 1) == (int(match[1]), int(match[2]))


async def test_a_taken_port_is_held_before_a_start_and_given_back(
    start: Starter, machine: Machine, first: int, holder: socket.socket
) -> None:
    await start("")
    assert first + 1 in machine.told[-1]
    count = len(machine.told)
    await start("0")
    assert len(machine.told) == count, "nothing has changed"
    holder.close()
    await start("")
    assert first + 1 not in machine.told[-1]
    assert len(machine.told) == count + 1


async def test_all_that_is_exposed(
    reserve: PortReservations, machine: Machine, first: int, holder: socket.socket
) -> None:
    exposed = {"HostConfig": {"PublishAllPorts": True}, "Config": {"ExposedPorts": {"80/tcp": {}}}}
    await reserve.prepare(exposed, asyncio.get_running_loop().create_future())
    assert first + 1 in machine.told[-1]


async def test_ours_are_not_held(
    start: Starter, machine: Machine, ports: Ports, first: int, holder: socket.socket
) -> None:
    ports.in_use.add(first + 1)
    await start("")
    assert all(first + 1 not in told for told in machine.told)


async def test_a_range_is_looked_at_whenever_its_container_starts(
    start: Starter, reserve: PortReservations, machine: Machine, ports: Ports, first: int, holder: socket.socket
) -> None:
    ports.latest.clear()
    await start(f"{first}-{first + 3}")
    assert machine.told == [[first + 1]]
    await start("")
    assert reserve.reserved is not None
    assert first + 1 in reserve.reserved, "until it is free"
    with closing(socket.create_server(("127.0.0.1", first + 2))):
        await start(f"{first}-{first + 3}")
        assert {first + 1, first + 2} <= reserve.reserved


async def test_who_names_a_port_is_told_who_has_it(
    start: Starter, reserve: PortReservations, machine: Machine, first: int, holder: socket.socket
) -> None:
    await start("")
    assert reserve.reserved is not None
    assert first + 1 in reserve.reserved
    naming = await start.begin(str(first + 1))
    assert first + 1 not in machine.told[-1]
    await start("")
    assert first + 1 not in reserve.reserved, "while the engine has not answered"
    naming.set_result(None)
    await asyncio.sleep(0)
    await start("")
    assert first + 1 in reserve.reserved


async def test_nothing_is_looked_at_for_who_publishes_nothing(
    start: Starter, machine: Machine, first: int, holder: socket.socket
) -> None:
    await start()
    await start("8080", "8081")
    assert machine.told == []


async def test_more_ports_at_once_are_looked_at_for_those_that_start_together(
    start: Starter, machine: Machine, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    ports.latest.append(RANDOM.start + 999)
    tried: set[int] = set()

    def note(kind: int, address: str, port: int) -> socket.socket:
        tried.add(port)
        return socket.socket()

    monkeypatch.setattr("engine.ports.reservations.bound", note)
    for _ in range(3):
        await start.begin(*[""] * 40)
    assert max(tried) == RANDOM.start + 1000 + AHEAD + 3 * 40 - 1


async def test_a_machine_that_cannot_be_asked(
    start: Starter, machine: Machine, first: int, holder: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    machine.away = True
    await start("")
    assert "not reserved in the machine: away" in caplog.text
    machine.away = False
    await start("")
    assert first + 1 in machine.told[-1]


async def test_what_an_earlier_supervisor_had_held(reserve: PortReservations, machine: Machine) -> None:
    reserve.forget()
    await reserve.look_ahead()
    assert len(machine.told) == 1


async def test_a_machine_that_has_ended_holds_nothing(
    start: Starter, reserve: PortReservations, machine: Machine, first: int, holder: socket.socket
) -> None:
    await start("")
    reserve.clear()
    await start("")
    assert len(machine.told) == 2
    assert first + 1 in machine.told[1]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ([], []),
        (["", "0"], [RANDOM, RANDOM]),
        (["8080"], [range(8080, 8081)]),
        (["8000-8010", "81"], [range(8000, 8011), range(81, 82)]),
        (["9-8"], []),
    ],
)
def test_what_a_container_publishes(asked: list[str], found: list[range]) -> None:
    assert requested_ports(container(*asked)) == found


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"HostConfig": None},
        {"HostConfig": {"PortBindings": None}},
        {"HostConfig": {"PortBindings": {"80/tcp": None}, "PublishAllPorts": True}, "Config": {}},
    ],
)
def test_who_publishes_nothing(told: Mapping[str, Any]) -> None:
    assert requested_ports(told) == []


async def test_a_huge_range_is_not_looked_through(
    start: Starter, machine: Machine, ports: Ports, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: set[int] = set()

    def note(kind: int, address: str, port: int) -> socket.socket:
        tried.add(port)
        return socket.socket()

    monkeypatch.setattr("engine.ports.reservations.bound", note)
    ports.latest.append(20000)
    await start("1024-65535")
    assert tried == {*range(1024, 1024 + AHEAD + 1), *range(20001, 20001 + AHEAD + 1)}
    assert len(tried) <= MOST


async def test_a_port_that_is_taken_after_it_was_looked_at(
    start: Starter, machine: Machine, ports: Ports, first: int, holder: socket.socket
) -> None:
    """The port was free when it was tried. Then another program takes it, and the starter gets the error."""
    answers: list[str] = []
    taken: list[socket.socket] = []

    async def answer(line: str) -> None:
        answers.append(line)

    def grab() -> None:
        taken.append(socket.create_server(("127.0.0.1", first + 2)))

    machine.between = grab
    await start(f"{first}-{first + 3}")
    publisher = Publisher(answer, NoDatagrams())
    try:
        assert machine.told == [[first + 1]]
        publisher.asked("publish", f"1 tcp 127.0.0.1 {first + 2} 172.17.0.2 80")
        await eventually(lambda: bool(answers))
        (said,) = answers
        assert said.startswith(f"published 1 Bind for 127.0.0.1:{first + 2} failed: the port is in use")
        assert f"(process {os.getpid()})" in said
    finally:
        await publisher.close()
        taken[0].close()


class NoDatagrams:
    """Carries no datagrams."""

    async def add(self, forward: Forward) -> None:
        raise AssertionError(forward)

    async def remove(self, forward: Forward) -> None:
        raise AssertionError(forward)


# -- the guest's program -----------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``hold_ports``, compiled for the host."""
    return compile_guest_program("hold_ports", tmp_path_factory.mktemp("hold"))


def is_free(port: int) -> bool:
    try:
        bound(socket.SOCK_STREAM, "127.0.0.1", port).close()
    except OSError:
        return False
    return True


@pytest.mark.skipif(sys.platform != "linux", reason="a program of the guest's")
def test_what_is_held_and_by_whom(program: Path, tmp_path: Path) -> None:
    """Each run has its own ports and none of the last one's; a process that is none of ours is left alone."""
    lock, one = tmp_path / "lock", free_run(3)
    with subprocess.Popen(["sleep", "1000"]) as bystander:
        lock.write_text(f"{bystander.pid}\n")  # whatever the file says
        try:
            subprocess.run([program, lock, str(one), str(one + 1)], check=True, timeout=10)
            assert [is_free(one + step) for step in range(3)] == [False, False, True]
            subprocess.run([program, lock, str(one + 1), str(one + 2)], check=True, timeout=10)
            assert [is_free(one + step) for step in range(3)] == [True, False, False]
            subprocess.run([program, lock], check=True, timeout=10)
            assert all(is_free(one + step) for step in range(3))
            assert bystander.poll() is None
        finally:
            bystander.kill()
            subprocess.run([program, lock], check=True, timeout=10)
