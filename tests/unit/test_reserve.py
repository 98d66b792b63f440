"""Ports that dockerd may choose but are in use here: which are held in the machine, and for how long."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine.ports.reserve import AHEAD, MOST, RANDOM, Reserve, wishes
from engine.ports.sockets import bound
from vm.errors import LinkError

SYSCTL = Path(__file__).parents[2] / "vm/image/rootfs/etc/sysctl.conf"


@dataclass
class Ports:
    """What is published."""

    in_use: set[int] = field(default_factory=set)
    latest: list[int] = field(default_factory=list)
    any_address: Sequence[str] = ("127.0.0.1", "::1")


@dataclass
class Machine:
    """Notes what it is told to hold."""

    told: list[list[int]] = field(default_factory=list)
    away: bool = False

    async def hold(self, ports: Sequence[int]) -> None:
        if self.away:
            raise LinkError("away")
        self.told.append(list(ports))


@pytest.fixture
def ports() -> Ports:
    return Ports()


@pytest.fixture
def machine() -> Machine:
    return Machine()


@pytest.fixture
def reserve(ports: Ports, machine: Machine) -> Reserve:
    return Reserve(ports, machine.hold)


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


def create(*host_ports: str) -> bytes:
    bindings = {f"{80 + number}/tcp": [{"HostIp": "", "HostPort": port}] for number, port in enumerate(host_ports)}
    return json.dumps({"Image": "x", "HostConfig": {"PortBindings": bindings}}).encode()


def test_the_range_is_the_machines() -> None:
    match = re.search(r"^net\.ipv4\.ip_local_port_range = (\d+) (\d+)$", SYSCTL.read_text(), re.MULTILINE)
    assert match is not None
    assert (RANDOM.start, RANDOM.stop - 1) == (int(match[1]), int(match[2]))


async def test_a_taken_port_is_held_before_a_start_and_given_back(
    reserve: Reserve, machine: Machine, first: int, holder: socket.socket
) -> None:
    assert await reserve(b"") == b""
    assert first + 1 in machine.told[-1]
    count = len(machine.told)
    await reserve(b"")
    assert len(machine.told) == count, "nothing has changed"
    holder.close()
    await reserve(b"")
    assert first + 1 not in machine.told[-1]
    assert len(machine.told) == count + 1


async def test_ours_are_not_held(
    reserve: Reserve, machine: Machine, ports: Ports, first: int, holder: socket.socket
) -> None:
    ports.in_use.add(first + 1)
    await reserve(b"")
    assert all(first + 1 not in told for told in machine.told)


async def test_a_range_is_looked_at_when_a_container_is_made(
    reserve: Reserve, machine: Machine, ports: Ports, first: int, holder: socket.socket
) -> None:
    ports.latest.clear()
    body = create(f"{first}-{first + 3}", "")
    assert await reserve(body) == body
    assert machine.told == [[first + 1]]
    await reserve(b"")
    assert first + 1 in reserve.held, "until it is free"


async def test_who_names_a_port_is_told_who_has_it(
    reserve: Reserve, machine: Machine, first: int, holder: socket.socket
) -> None:
    await reserve(b"")
    assert first + 1 in reserve.held
    await reserve(create(str(first + 1)))
    assert first + 1 not in machine.told[-1]
    await reserve(b"")
    assert first + 1 not in reserve.held


async def test_a_machine_that_cannot_be_asked(
    reserve: Reserve, machine: Machine, first: int, holder: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    machine.away = True
    assert await reserve(b"") == b""
    assert "not held in the machine: away" in caplog.text
    machine.away = False
    await reserve(b"")
    assert first + 1 in machine.told[-1]


async def test_what_an_earlier_supervisor_had_held(reserve: Reserve, machine: Machine) -> None:
    await reserve.begin_anew()
    assert machine.told == [[]]


async def test_a_machine_that_has_ended_holds_nothing(
    reserve: Reserve, machine: Machine, first: int, holder: socket.socket
) -> None:
    await reserve(b"")
    reserve.clear()
    await reserve(b"")
    assert len(machine.told) == 2
    assert first + 1 in machine.told[1]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ([], []),
        (["", "0"], []),
        (["8080"], [range(8080, 8081)]),
        (["8000-8010", "81"], [range(8000, 8011), range(81, 82)]),
        (["9-8", "70000", "1-99999", "x", "-1"], []),
    ],
)
def test_what_a_request_names(asked: list[str], found: list[range]) -> None:
    assert list(wishes(create(*asked))) == found


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'{"HostConfig": null}',
        b'{"HostConfig": {"PortBindings": {"80/tcp": null}}}',
        b'{"HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": 8080}]}}}',
        b'{"HostConfig": {"PortBindings": [1]}}',
    ],
)
async def test_nonsense_and_nothing_are_passed_on(reserve: Reserve, body: bytes) -> None:
    assert list(wishes(body)) == []
    assert await reserve(body) == body


async def test_a_huge_range_is_not_looked_through(
    reserve: Reserve, machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[int] = []

    def note(kind: int, address: str, port: int) -> socket.socket:
        tried.append(port)
        return socket.socket()

    monkeypatch.setattr("engine.ports.reserve.bound", note)
    await reserve(create("1024-65535"))
    assert set(tried) == set(range(1024, 1024 + MOST))
