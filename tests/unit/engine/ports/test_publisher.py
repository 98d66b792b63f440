"""The publisher of ports: what it answers the guest, where it listens, and that it gives everything back."""

from __future__ import annotations

import asyncio
import errno
import os
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import closing
from typing import NoReturn

import psutil
import pytest

from engine.ports import Publisher
from engine.ports import publisher as publisher_module
from tests.localhost import free_port
from tests.unit.carriers import MemoryCarrier, MemoryStream, echo
from tests.unit.sshd import eventually
from vm.errors import LinkError, MachineError
from vm.guest.forward import Forward

pytestmark = pytest.mark.both_loops


class Guest:
    """Keeps the answers."""

    def __init__(self) -> None:
        self.answers: list[str] = []
        self.away = False

    async def answer(self, line: str) -> None:
        if self.away:
            raise LinkError("away")
        self.answers.append(line)


class QemuNetwork:
    """Records what it carries; refuses the ports that the test names."""

    def __init__(self) -> None:
        self.carried: list[int] = []
        self.places: list[str] = []
        self.taken: set[int] = set()
        self.unforeseen: Exception | None = None

    async def add(self, forward: Forward) -> None:
        if self.unforeseen is not None:
            raise self.unforeseen
        if forward.port in self.taken:
            raise MachineError("QEMU cannot listen at the port", detail="Could not set up\nthe rule")
        self.carried.append(forward.port)
        self.places.append(forward.address)

    async def remove(self, forward: Forward) -> None:
        if self.unforeseen is not None:
            raise self.unforeseen
        self.carried.remove(forward.port)
        self.places.remove(forward.address)


@pytest.fixture
def guest() -> Guest:
    return Guest()


@pytest.fixture
def network() -> QemuNetwork:
    return QemuNetwork()


@pytest.fixture
async def publisher(guest: Guest, network: QemuNetwork) -> AsyncIterator[Publisher]:
    made = Publisher(guest.answer, network)
    made.use(MemoryCarrier(echo))
    yield made
    await made.close()


async def publish(
    publisher: Publisher, guest: Guest, port: int, address: str = "127.0.0.1", key: str = "1"
) -> str:
    """Ask for a port and return the answer without its key."""
    count = len(guest.answers)
    publisher.asked("publish", f"{key} tcp {address} {port} 172.17.0.2 80")
    await eventually(lambda: len(guest.answers) > count)
    word, answered, answer = guest.answers[-1].split(" ", 2)
    assert (word, answered) == ("published", key)
    return answer


async def say(port: int, data: bytes, address: str = "127.0.0.1") -> bytes:
    """Send, end our direction, and return what comes back until the other one ends."""
    reader, writer = await asyncio.open_connection(address, port)
    writer.write(data)
    writer.write_eof()
    try:
        return await reader.read()
    finally:
        writer.close()


async def test_bytes_go_to_the_container_and_back(publisher: Publisher, guest: Guest) -> None:
    carrier = MemoryCarrier(echo)
    publisher.use(carrier)
    port = free_port()
    assert await publish(publisher, guest, port) == "ok"
    data = os.urandom(3 << 20)
    assert await say(port, data) == data
    assert carrier.opened == ["172.17.0.2 80"]


@pytest.mark.skipif(not socket.has_ipv6, reason="this Python has no IPv6")
async def test_both_families_have_the_same_port(publisher: Publisher, guest: Guest) -> None:
    port = free_port()
    assert await publish(publisher, guest, port, "0.0.0.0", "4") == "ok"
    assert await publish(publisher, guest, port, "::", "6") == "ok"
    assert await say(port, b"four") == b"four"
    six = next(one for one in publisher.published if one.forward.key == "6")
    if not six.failure:  # without IPv6 the report says so, and the container starts all the same
        assert await say(port, b"six", "::1") == b"six"


async def test_a_taken_port_is_refused_and_its_holder_named(publisher: Publisher, guest: Guest) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        answer = await publish(publisher, guest, port, "0.0.0.0")
    assert answer.startswith(f"Bind for 0.0.0.0:{port} failed: the port is in use on your computer by ")
    assert f"(process {os.getpid()})" in answer
    assert publisher.published == []
    assert await publish(publisher, guest, port, "0.0.0.0") == "ok"  # free again


async def test_an_address_of_another_computer(publisher: Publisher, guest: Guest) -> None:
    answer = await publish(publisher, guest, free_port(), "192.0.2.1")  # RFC 5737: reserved for documentation
    assert "your computer does not have this address" in answer


async def test_release_closes_the_port_and_its_connections(publisher: Publisher, guest: Guest) -> None:
    port = free_port()
    await publish(publisher, guest, port)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    publisher.asked("release", "1")
    assert await reader.read() == b""
    writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    assert publisher.published == []


async def test_asked_again_nothing_changes(publisher: Publisher, guest: Guest) -> None:
    """A guest repeats what is published; connections that are open stay."""
    port = free_port()
    await publish(publisher, guest, port)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await publish(publisher, guest, port) == "ok"
    writer.write(b"still here")
    assert await reader.readexactly(10) == b"still here"
    writer.close()
    assert len(publisher.published) == 1


async def test_a_connection_waits_for_the_way_into_the_machine(publisher: Publisher, guest: Guest) -> None:
    port = free_port()
    await publish(publisher, guest, port)
    publisher.use(None)
    saying = asyncio.create_task(say(port, b"patience"))
    one = publisher.published[0]
    await eventually(lambda: len(one.clients) == 1)
    publisher.use(MemoryCarrier(echo))
    assert await saying == b"patience"


async def test_a_container_that_does_not_listen(publisher: Publisher, guest: Guest) -> None:
    carrier = MemoryCarrier(echo)
    carrier.refuse = LinkError("nothing listens")
    publisher.use(carrier)
    port = free_port()
    await publish(publisher, guest, port)
    with pytest.raises(ConnectionResetError):
        await say(port, b"anybody?")


async def test_a_connection_that_is_cut_does_not_look_ended(publisher: Publisher, guest: Guest) -> None:
    async def cut(stream: MemoryStream) -> None:
        await stream.write(b"half of it")
        await stream.peer.break_off(LinkError("the link broke"))

    publisher.use(MemoryCarrier(cut))
    port = free_port()
    await publish(publisher, guest, port)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    assert await reader.readexactly(10) == b"half of it"
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()


async def test_a_client_that_breaks_off_closes_its_stream(publisher: Publisher, guest: Guest) -> None:
    async def listen(stream: MemoryStream) -> None:
        await asyncio.Event().wait()

    carrier = MemoryCarrier(listen)
    publisher.use(carrier)
    port = free_port()
    await publish(publisher, guest, port)
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    await eventually(lambda: bool(carrier.streams))
    linger = struct.pack("ii", 1, 0)  # close with a reset: a mere end would be the other side's to answer
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.close()
    await eventually(lambda: carrier.streams[0].closed)
    await eventually(lambda: not publisher.published[0].clients)


async def test_udp_goes_by_qemus_network(publisher: Publisher, guest: Guest, network: QemuNetwork) -> None:
    port = free_port()
    publisher.asked("publish", f"9 udp 127.0.0.1 {port} 172.17.0.2 53")
    await eventually(lambda: guest.answers == ["published 9 ok"])
    assert network.carried == [port]
    publisher.asked("release", "9")
    await eventually(lambda: network.carried == [])
    network.taken.add(port)
    publisher.asked("publish", f"10 udp 127.0.0.1 {port} 172.17.0.2 53")
    await eventually(lambda: len(guest.answers) == 2)
    assert guest.answers[-1] == f"published 10 Bind for 127.0.0.1:{port}/udp failed: Could not set up the rule"
    assert publisher.published == []


async def test_what_is_published_everywhere_can_be_kept_to_this_computer(
    publisher: Publisher, guest: Guest, network: QemuNetwork
) -> None:
    """From the next moment on, also for what is published already; addresses that were asked for stay."""
    port, other = free_port(), free_port()
    assert await publish(publisher, guest, port, "0.0.0.0", "1") == "ok"
    assert await publish(publisher, guest, other, "127.0.0.2", "2") == "ok"
    publisher.asked("publish", "3 udp 0.0.0.0 5353 172.17.0.2 53")
    await eventually(lambda: network.carried == [5353])
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    own = [one for one in publisher.published if one.forward.key == "2"]
    publisher.set_loopback_only(True)
    await eventually(lambda: {one.address for one in publisher.published} == {"127.0.0.1", "127.0.0.2"})
    await eventually(lambda: network.places == ["127.0.0.1"])
    assert [one for one in publisher.published if one.forward.key == "2"] == own
    assert await say(port, b"near") == b"near"
    with pytest.raises(ConnectionRefusedError):
        await say(port, b"far", "127.0.0.2")
    assert await publish(publisher, guest, free_port(), "::", "4") == "ok"
    assert publisher.published[-1].address == "::1"
    with closing(socket.socket()) as taken:  # a port that is taken by now is reported
        taken.bind(("127.0.0.3", port))
        taken.listen()
        publisher.set_loopback_only(False)
        await eventually(lambda: any(one.failure for one in publisher.published))
    failed = next(one for one in publisher.published if one.failure)
    assert (failed.address, "in use" in failed.failure) == ("0.0.0.0", True)
    writer.close()


async def test_udp_over_ipv6_goes_by_streams(publisher: Publisher, guest: Guest) -> None:
    port = free_port()
    publisher.asked("publish", f"9 udp ::1 {port} 172.17.0.2 53")
    await eventually(lambda: guest.answers == ["published 9 ok"])
    assert publisher.published[0].failure == ""
    with closing(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)) as client:
        client.setblocking(False)
        client.connect(("::1", port))
        for size in (1, 1400, 60000):
            client.send(bytes(size))
            assert await asyncio.get_running_loop().sock_recv(client, 65536) == bytes(size)
    publisher.asked("publish", f"10 udp ::1 {port} 172.17.0.3 53")
    await eventually(lambda: len(guest.answers) == 2)
    assert f"Bind for [::1]:{port}/udp failed: the port is in use on your computer by" in guest.answers[-1]
    publisher.asked("release", "9")
    publisher.asked("publish", f"11 udp :: {port} 172.17.0.3 53")  # at once
    await eventually(lambda: len(guest.answers) == 3)
    assert guest.answers[-1] == "published 11 ok"
    publisher.set_loopback_only(True)
    await eventually(lambda: [(one.address, one.failure) for one in publisher.published] == [("::1", "")])
    publisher.asked("release", "11")
    await eventually(lambda: publisher.published == [])


@pytest.mark.parametrize("asked", ["sctp 127.0.0.1 5353 172.17.0.2 53"])
async def test_what_cannot_be_carried_is_told_not_refused(publisher: Publisher, guest: Guest, asked: str) -> None:
    publisher.asked("publish", f"9 {asked}")
    await eventually(lambda: guest.answers == ["published 9 ok"])
    assert "cannot be published" in publisher.published[0].failure


async def test_nonsense_and_an_absent_guest_do_no_harm(publisher: Publisher, guest: Guest) -> None:
    for text in ("", "1 tcp", "1 tcp localhost 80 172.17.0.2 80", "1 tcp 127.0.0.1 99999 172.17.0.2 80"):
        publisher.asked("publish", text)
    publisher.asked("release", "unknown")
    guest.away = True
    publisher.asked("publish", f"1 tcp 127.0.0.1 {free_port()} 172.17.0.2 80")
    await eventually(lambda: len(publisher.published) == 1)
    guest.away = False
    port = free_port()
    assert await publish(publisher, guest, port, key="2") == "ok"


async def test_an_unforeseen_error_is_answered_and_the_next_request_is_handled(
    publisher: Publisher, guest: Guest, network: QemuNetwork, caplog: pytest.LogCaptureFixture
) -> None:
    port = free_port()
    publisher.asked("publish", f"1 udp 127.0.0.1 {port} 172.17.0.2 53")
    await eventually(lambda: guest.answers == ["published 1 ok"])
    network.unforeseen = KeyError("no such reply")
    publisher.asked("publish", f"2 udp 127.0.0.1 {port} 172.17.0.2 53")
    publisher.asked("publish", f"1 udp 127.0.0.2 {port} 172.17.0.2 53")  # first the old one has to be withdrawn
    publisher.asked("release", "1")
    await eventually(lambda: len(guest.answers) == 3)
    assert guest.answers[1:] == [
        f"published 2 Bind for 127.0.0.1:{port}/udp failed: "
        "an error in Slipway, see: slipway logs (KeyError: 'no such reply')",
        "published 1 an error in Slipway, see: slipway logs",
    ]
    assert caplog.text.count("KeyError: 'no such reply'") == 2, "with tracebacks"
    assert await publish(publisher, guest, port, key="3") == "ok"
    assert publisher.health.ok


async def test_a_port_in_use_whose_owner_cannot_be_looked_up(
    publisher: Publisher, guest: Guest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(kind: str) -> NoReturn:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(psutil, "net_connections", full)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        answer = await publish(publisher, guest, taken.getsockname()[1])
    assert answer.endswith("failed: the port is in use on your computer")


async def test_requests_of_a_machine_that_has_ended_are_dropped(publisher: Publisher, guest: Guest) -> None:
    publisher.asked("publish", f"1 tcp 127.0.0.1 {free_port()} 172.17.0.2 80")
    publisher.clear()
    assert await publish(publisher, guest, free_port(), key="2") == "ok"
    assert [one.forward.key for one in publisher.published] == ["2"]


async def test_the_end_of_the_machine_gives_everything_back(publisher: Publisher, guest: Guest) -> None:
    ports = [free_port() for _ in range(5)]
    for number, port in enumerate(ports):
        await publish(publisher, guest, port, key=str(number))
    publisher.clear()
    for port in ports:
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", port))


def test_what_the_guest_says_is_read_with_care() -> None:
    told = Forward.parse("17 tcp :: 8080 172.17.0.2 80")
    assert told == Forward("17", "tcp", "::", 8080, "172.17.0.2", 80)
    for text in ("17 icmp :: 8080 172.17.0.2 80", "17 tcp :: 0 172.17.0.2 80", "17 tcp x 1 172.17.0.2 80", "17"):
        with pytest.raises(ValueError, match=r"."):
            Forward.parse(text)


async def test_what_is_followed_is_listened_for_and_a_taken_port_kept_with_its_reason(
    publisher: Publisher, guest: Guest
) -> None:
    free, other = free_port(), free_port()
    with closing(socket.create_server(("127.0.0.1", 0))) as holder:
        taken = holder.getsockname()[1]

        def forward(port: int) -> Forward:
            return Forward(f"host-{port}", "tcp", "127.0.0.1", port, "127.0.0.1", port)

        def found() -> dict[int, bool]:
            return {one.forward.port: not one.failure for one in publisher.published}

        publisher.follow("host network", [forward(free), forward(taken)])
        await eventually(lambda: found() == {free: True, taken: False})
        assert await say(free, b"hello") == b"hello"
        publisher.follow("host network", [forward(free), forward(other)])
        await eventually(lambda: found() == {free: True, other: True})
    publisher.follow("host network", [])
    await eventually(lambda: found() == {})
    assert guest.answers == []
    assert list(publisher.latest) == [], "dockerd did not choose these"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "RETRY_SECONDS", 0.02)


async def test_what_runs_goes_on_without_a_port_that_is_taken_and_has_it_when_it_is_free(
    publisher: Publisher, guest: Guest, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publisher_module, "RETRIES_WITHOUT_LOOKING", 1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        publisher.asked("repeat", f"1 tcp 127.0.0.1 {port} 172.17.0.2 80")
        await eventually(lambda: guest.answers == ["published 1 ok"])
        (one,) = publisher.published
        assert f"in use on your computer by {psutil.Process().name()} (process {os.getpid()})" in one.failure
        assert port not in publisher.in_use
        one.failure = "somebody else's"
        await eventually(lambda: "(process" in one.failure)  # looked up again
    await eventually(lambda: port in publisher.in_use)
    assert await say(port, b"hello") == b"hello"
    publisher.asked("release", "1")
    await eventually(lambda: publisher.published == [])


async def test_what_waits_for_a_port_does_so_no_longer_when_it_ends(
    publisher: Publisher, guest: Guest, quick: None
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        publisher.asked("repeat", f"1 tcp 127.0.0.1 {port} 172.17.0.2 80")
        await eventually(lambda: bool(publisher.published))
        publisher.asked("release", "1")
        await eventually(lambda: publisher.published == [])
    assert await publish(publisher, guest, port, key="2") == "ok"


async def test_what_containers_with_the_hosts_network_listen_on_is_tried_again(
    publisher: Publisher, network: QemuNetwork, quick: None
) -> None:
    seen: list[dict[str, str]] = []
    publisher.handled.append(lambda: seen.append(publisher.waiting))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        publisher.follow("host network", [Forward("host", "tcp", "127.0.0.1", port, "127.0.0.1", port)])
        await eventually(lambda: bool(seen))
        assert "in use" in seen[0]["host"]
    await eventually(lambda: publisher.in_use == {port})
    await eventually(lambda: seen[-1] == {})


async def test_datagrams_to_the_machines_loopback_go_by_streams(
    publisher: Publisher, network: QemuNetwork
) -> None:
    port = free_port()
    publisher.follow("host network", [Forward("host", "udp", "127.0.0.1", port, "127.0.0.1", port)])
    await eventually(lambda: publisher.in_use == {port})
    assert network.carried == []
