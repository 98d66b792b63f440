"""The cluster over the link: what is asked of the machine, and how its status is read."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import pytest

from engine.kubernetes.cluster import (
    STATUS_SOCKET,
    Cluster,
    ClusterError,
    ClusterPart,
    ServicePort,
    forwards,
    parse_status,
    taken_ports,
)
from tests.unit.engine.no_link import NoLink
from vm.errors import LinkError
from vm.guest.forward import MACHINE
from vm.guest.stream import Completed

BEGINNING = {
    "phase": "starting",
    "version": "v1.37.2",
    "error": "",
    "node": "not yet known",
    "parts": [],
    "ports": [],
}


def line(**changes: Any) -> bytes:
    return json.dumps({**BEGINNING, **changes}).encode() + b"\n"


@dataclass
class Pieces:
    """A stream that hands out what it was given, and then ends."""

    pieces: list[bytes]
    closed: bool = False

    async def read(self, limit: int) -> bytes:
        return self.pieces.pop(0) if self.pieces else b""

    async def close(self) -> None:
        self.closed = True


@dataclass
class Guest(NoLink):
    """A link into a machine that answers as it was told."""

    streams: list[Pieces] = field(default_factory=list)
    code: int = 0
    commands: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.closed = asyncio.Event()

    async def open_unix(self, path: str) -> Any:
        assert path == STATUS_SOCKET
        if not self.streams:
            raise LinkError("nothing listens there")
        return self.streams.pop(0)

    async def run(self, command: str, *, input: bytes = b"", timeout: float) -> Completed:
        self.commands.append(command)
        return Completed(self.code, b"out", b"why it failed\n")


def test_a_status_is_read_whole() -> None:
    part = {"name": "etcd", "state": "running", "restarts": 1, "error": ""}
    port = {"namespace": "default", "name": "web", "protocol": "tcp", "port": 80, "target": 30080}
    status = parse_status(line(phase="running", node="ready", parts=[part], ports=[port]))
    assert status.ready
    assert status.parts == (ClusterPart("etcd", "running", 1, ""),)
    assert status.ports == (ServicePort("default", "web", "tcp", 80, 30080),)


@pytest.mark.parametrize(
    ("changes", "pending"),
    [
        ({}, "starting"),
        ({"parts": [{"name": "etcd", "state": "starting", "restarts": 0, "error": ""}]}, "etcd is starting"),
        (
            {"parts": [{"name": "etcd", "state": "restarting", "restarts": 1, "error": "exit status 1"}]},
            "etcd is restarting: exit status 1",
        ),
        ({"phase": "running", "node": "it has not registered"}, "the node is not ready: it has not registered"),
        ({"phase": "running", "node": "ready"}, ""),
        ({"phase": "stopping", "error": "the certificates cannot be made"}, "the certificates cannot be made"),
    ],
)
def test_what_it_waits_for_in_words(changes: dict[str, Any], pending: str) -> None:
    assert parse_status(line(**changes)).pending == pending


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"phase": 1}', b"\xff", line(parts=[{"name": "x"}])])
def test_something_else_is_refused(text: bytes) -> None:
    with pytest.raises(ClusterError):
        parse_status(text)


def test_ports_answer_at_the_loopback_addresses() -> None:
    web = ServicePort("default", "web", "tcp", 80, 30080)
    again = ServicePort("other", "web", "tcp", 80, 30081)
    found = forwards([web, again], 6444)
    assert [(one.address, one.port, one.guest_address, one.guest_port) for one in found] == [
        ("127.0.0.1", 6444, "127.0.0.1", 6443),
        ("127.0.0.1", 80, MACHINE, 30080),
        ("::1", 80, MACHINE, 30080),
    ]
    assert forwards([], None) == []


def test_a_port_that_the_host_does_not_listen_at_has_the_reason() -> None:
    web = ServicePort("default", "web", "tcp", 80, 30080)
    again = ServicePort("other", "web", "tcp", 80, 30081)
    dns = ServicePort("default", "dns", "udp", 80, 30082)
    assert taken_ports([web, dns], {}) == []
    found = taken_ports([web, again, dns], {"kubernetes-udp-::1-80": "in use", "kubernetes-tcp-::1-9": "no"})
    assert [(one.namespace, one.name, one.reason) for one in found] == [
        ("other", "web", "the service default/web has this port already"),
        ("default", "dns", "in use"),
    ]


async def statuses(cluster: Cluster, count: int) -> list[str]:
    found: list[str] = []
    async with aclosing(cluster.follow()) as following:
        async for status in following:
            found.append(status.phase)
            if len(found) == count:
                break
    return found


@pytest.mark.fast_clock
async def test_it_is_followed_beyond_a_restart_of_the_service() -> None:
    whole = line() + line(phase="running")
    first, second = Pieces([whole[:40], whole[40:]]), Pieces([line(phase="stopping")])
    guest = Guest(streams=[first, second])
    assert await statuses(Cluster(guest), 2) == ["running", "stopping"]
    assert first.closed
    assert second.closed


@pytest.mark.fast_clock
async def test_it_waits_until_the_service_is_there_or_the_link_is_gone() -> None:
    guest = Guest()
    waiting = asyncio.create_task(statuses(Cluster(guest), 1))
    await asyncio.sleep(5)
    assert not waiting.done()
    guest.streams.append(Pieces([line(phase="running")]))
    assert await waiting == ["running"]
    guest.closed.set()
    with pytest.raises(LinkError, match="lost"):
        await statuses(Cluster(guest), 1)


async def test_a_failure_has_what_the_machine_said() -> None:
    guest = Guest()
    assert await Cluster(guest).admin() == "out"
    await Cluster(guest).down("reset")
    assert "/down reset\nrm -rf /var/lib/slipway/kubernetes" in guest.commands[-1]
    guest.code = 1
    with pytest.raises(ClusterError) as caught:
        await Cluster(guest).up()
    assert caught.value.detail == "why it failed"
