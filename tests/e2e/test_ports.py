"""Published ports on the host: each kind of address and protocol, and that nothing is left of them."""

from __future__ import annotations

import hashlib
import os
import socket
import threading
from collections import Counter
from contextlib import closing, suppress

import psutil
import pytest

from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine
from tests.e2e.publishing import (
    RETRIED_SECONDS,
    WEB,
    answered,
    eventually,
    family,
    fetch,
    has_ipv6,
    published,
    refused,
    socat_archive,
    told_back,
)
from tests.localhost import free_port

pytestmark = pytest.mark.machine


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "", "the computer's own"])
def test_each_address_answers_where_it_was_asked_for(
    machine: RunningMachine, docker: Program, busybox: str, name: str, address: str
) -> None:
    if address == "::1" and not has_ipv6():
        pytest.skip("the host has no IPv6")
    own = socket.gethostbyname(socket.gethostname())
    asked = own if address.startswith("the") else address
    port = free_port()
    prefix = f"[{asked}]:" if ":" in asked else f"{asked}:" if asked else ""
    docker("run", "-d", "--name", name, "-p", f"{prefix}{port}:80", busybox, *WEB)
    everywhere = asked in ("", "0.0.0.0")
    assert answered("127.0.0.1" if everywhere else asked, port) == "here"
    if asked == "127.0.0.1" and own != asked:
        assert refused(own, port)  # private
    if asked == "" and has_ipv6():
        assert fetch("::1", port) == "here"
    docker("stop", "-t", "0", name)
    assert refused("127.0.0.1" if everywhere else asked, port)
    docker("start", name)
    assert answered("127.0.0.1" if everywhere else asked, port) == "here"
    docker("rm", "-f", name)
    assert not [place for place in published(machine) if f" {port} " in place]


def test_ports_may_be_kept_to_this_computer(
    machine: RunningMachine, docker: Program, busybox: str, name: str
) -> None:
    """The setting counts at once, for what is published already and for what comes; and back again."""
    found = [
        one.address for items in psutil.net_if_addrs().values() for one in items if one.family == socket.AF_INET
    ]
    own = next((address for address in found if not address.startswith("127.")), None)
    if own is None:
        pytest.skip("the host has no other address")
    port = free_port()
    docker("run", "-d", "--name", name, "-p", f"{port}:80", busybox, *WEB)
    assert answered(own, port) == "here"
    machine.slipway("settings", "set", "ports_local", "true")
    try:
        eventually(lambda: f"127.0.0.1 {port} tcp" in published(machine))
        assert refused(own, port)
        assert fetch("127.0.0.1", port) == "here"
        docker("restart", "-t", "0", name)
        assert answered("127.0.0.1", port) == "here"
        assert refused(own, port)
    finally:
        machine.slipway("settings", "set", "ports_local", "false")
    eventually(lambda: f"0.0.0.0 {port} tcp" in published(machine))
    assert answered(own, port) == "here"


def test_a_container_uses_a_port_at_the_machines_own_address(docker: Program, busybox: str, name: str) -> None:
    """docker-proxy serves that, which is started only when somebody comes."""
    port = free_port()
    docker("run", "-d", "--name", name, "-p", f"{port}:80", busybox, *WEB)
    assert answered("127.0.0.1", port) == "here"
    own = ("wget", "-qO-", f"http://127.0.0.1:{port}/index.html")
    for _ in range(2):
        assert docker("run", "--rm", "--network", "host", busybox, *own).strip() == "here"
    docker("restart", "-t", "0", name)  # nothing holds the port
    assert answered("127.0.0.1", port) == "here"


def test_sctp_is_not_carried_and_says_so(
    machine: RunningMachine, docker: Program, busybox: str, name: str
) -> None:
    port = free_port()
    docker("run", "-d", "--name", name, "-p", f"127.0.0.1:{port}:80/sctp", busybox, "sleep", "1000")
    assert published(machine)[f"127.0.0.1 {port} sctp"] == "SCTP cannot be published on your computer"


@pytest.fixture
def sink(docker: Program, busybox: str, name: str) -> int:
    """A port whose container says how it heard what it was sent, after the sender's end."""
    port = free_port()
    serve = "while :; do nc -l -p 9 -e sh -c 'sha256sum; sleep 1; echo after'; done"
    docker("run", "-d", "--name", name, "-p", f"127.0.0.1:{port}:9", busybox, "sh", "-c", serve)
    return port


def test_many_bytes_and_half_close(sink: int) -> None:
    data = os.urandom(8 << 20)
    with closing(socket.create_connection(("127.0.0.1", sink), 60)) as connection:
        connection.sendall(data)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert answer.split()[0].decode() == hashlib.sha256(data).hexdigest()
    assert answer.endswith(b"after\n")


@pytest.mark.parametrize("address", ["127.0.0.1", "", "::1"])
def test_datagrams(docker: Program, busybox: str, name: str, address: str) -> None:
    """A container answers datagrams; without it the port is free again, and a program here may take it."""
    if address == "::1" and not has_ipv6():
        pytest.skip("the host has no IPv6")
    port = free_port()
    shown = f"[{address}]" if ":" in address else address
    published = f"{shown}:{port}:7/udp" if address else f"{port}:7/udp"
    echo = ("socat", "-T30", "UDP4-RECVFROM:7,fork", "EXEC:cat")
    docker("create", "--name", name, "-p", published, busybox, *echo)
    docker("cp", "-", f"{name}:/", stdin=socat_archive())
    docker("start", name)
    assert told_back(address or "127.0.0.1", port, b"anybody?") == b"anybody?"
    if not address and has_ipv6():
        assert told_back("::1", port, b"by the other way") == b"by the other way"
    docker("stop", "-t", "0", name)
    with closing(socket.socket(family(address), socket.SOCK_DGRAM)) as taken:
        taken.bind((address or "0.0.0.0", port))
        failed = docker.fails("start", name)
    assert "the port is in use on your computer by" in failed.err
    assert f"(process {os.getpid()})" in failed.err


def test_many_connections_at_once(docker: Program, busybox: str, name: str) -> None:
    port = free_port()
    docker("run", "-d", "--name", name, "-p", f"{port}:80", busybox, *WEB)
    assert answered("127.0.0.1", port) == "here"
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(fetch("127.0.0.1", port))) for _ in range(60)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["here"] * 60


def test_nothing_is_left_after_many_cycles(
    machine: RunningMachine, docker: Program, busybox: str, name: str
) -> None:
    port = free_port()
    docker("create", "--name", name, "-p", f"{port}:80", busybox, *WEB)
    for _ in range(5):
        docker("start", name)
        docker("kill", name)
    docker("rm", name)
    assert published(machine) == {}
    assert machine.slipway("shell", "--", "ls", "-A", "/run/slipway/ports") == ""


def test_what_a_container_with_the_hosts_network_listens_on(
    machine: RunningMachine, docker: Program, busybox: str, name: str
) -> None:
    port, private, late = free_port(), free_port(), free_port()
    page = "mkdir -p /w; echo here >/w/index.html"
    serve = f"httpd -p {port} -h /w; httpd -p 127.0.0.1:{private} -h /w"
    docker("run", "-d", "--name", name, "--network", "host", busybox, "sh", "-c", f"{page}; {serve}; sleep 1000")
    eventually(lambda: f"127.0.0.1 {private} tcp" in published(machine))
    assert answered("127.0.0.1", port) == "here"
    assert answered("127.0.0.1", private) == "here"
    if has_ipv6():
        assert answered("::1", port) == "here"
    own = socket.gethostbyname(socket.gethostname())
    if not own.startswith("127."):
        assert refused(own, port)
    with closing(socket.create_server(("127.0.0.1", late))):
        docker("exec", "-d", name, "httpd", "-p", str(late), "-h", "/w")
        eventually(lambda: "in use on your computer" in published(machine).get(f"127.0.0.1 {late} tcp", ""))
    eventually(lambda: published(machine)[f"127.0.0.1 {late} tcp"] == "", RETRIED_SECONDS)
    assert answered("127.0.0.1", late) == "here"
    assert not [place for place in published(machine) if place.split()[1] in ("22", "53", "2375")]
    docker("rm", "-f", name)
    eventually(lambda: published(machine) == {})
    assert refused("127.0.0.1", port)


def test_datagrams_of_a_container_with_the_hosts_network(
    machine: RunningMachine, docker: Program, busybox: str, name: str
) -> None:
    port, private = free_port(), free_port()
    echo = "socat -T30 UDP4-RECVFROM:{},fork EXEC:cat"
    serve = f"{echo.format(port)} & exec {echo.format(f'{private},bind=127.0.0.1')}"
    docker("create", "--name", name, "--network", "host", busybox, "sh", "-c", serve)
    docker("cp", "-", f"{name}:/", stdin=socat_archive())
    docker("start", name)
    eventually(lambda: {f"127.0.0.1 {one} udp" for one in (port, private)} <= published(machine).keys())
    assert told_back("127.0.0.1", port, b"anybody?") == b"anybody?"
    assert told_back("127.0.0.1", private, b"and here?") == b"and here?"
    docker("rm", "-f", name)
    eventually(lambda: published(machine) == {})


def test_what_a_swarms_services_publish(machine: RunningMachine, docker: Program, busybox: str, name: str) -> None:
    """Through the ingress network, on the host as on each of a swarm's nodes; one port is taken first."""
    port, taken, echoed = free_port(), free_port(), free_port()
    docker("create", "--name", name, busybox)
    docker("cp", "-", f"{name}:/", stdin=socat_archive())
    docker("commit", name, name)
    docker("swarm", "init")
    try:
        serve = (*("--detach", "--quiet", "--no-resolve-image", "--stop-grace-period", "1s"), "--name", name)
        ports = ("-p", f"{port}:80", "-p", f"{echoed}:7/udp", "-p", f"{taken}:80", "-p", "80")
        command = f"{WEB[-1]} & exec socat -T30 UDP4-RECVFROM:7,fork EXEC:cat"
        with closing(socket.create_server(("127.0.0.1", taken))):
            docker("service", "create", *serve, *ports, name, "sh", "-c", command)
            eventually(lambda: "in use on your computer" in published(machine).get(f"0.0.0.0 {taken} tcp", ""))
            assert answered("127.0.0.1", port) == "here"
        assert told_back("127.0.0.1", echoed, b"anybody?") == b"anybody?"
        if has_ipv6():
            assert answered("::1", port) == "here"
            assert told_back("::1", echoed, b"by the other way") == b"by the other way"
        eventually(lambda: published(machine)[f"0.0.0.0 {taken} tcp"] == "", RETRIED_SECONDS)
        assert answered("127.0.0.1", taken) == "here"
        (chosen,) = {int(place.split()[1]) for place in published(machine)} - {port, taken, echoed}
        assert answered("127.0.0.1", chosen) == "here"
        docker("service", "update", "--detach", "--quiet", "--no-resolve-image", "--publish-rm", "80", name)
        eventually(lambda: {place.split()[1] for place in published(machine)} == {str(echoed)})
        docker("service", "rm", name)
        eventually(lambda: published(machine) == {})
    finally:
        docker("swarm", "leave", "--force")
        docker("image", "rm", "-f", name)
    assert refused("127.0.0.1", port)


@pytest.mark.slow("500 ports")
@pytest.mark.timeout(1800)
def test_five_hundred_ports(machine: RunningMachine, docker: Program, busybox: str, name: str) -> None:
    """All answer, and nothing is left of them."""
    begin, count = 18000, 500
    ports = f"{begin}-{begin + count - 1}"
    each = f"for p in $(seq {begin} {begin + count - 1}); do httpd -p $p -h /w; done"
    serve = f"mkdir /w; echo here >/w/index.html; {each}; sleep 1000"
    options = ("-d", "--name", name, "-p", f"{ports}:{ports}")
    docker("run", *options, busybox, "sh", "-c", serve, timeout=900)
    for port in range(begin, begin + count):
        assert answered("127.0.0.1", port) == "here"
    docker("rm", "-f", name, timeout=900)
    assert published(machine) == {}
    assert machine.slipway("shell", "--", "ls", "-A", "/run/slipway/ports") == ""


@pytest.mark.slow("5,000 connections")
@pytest.mark.timeout(1800)
def test_five_thousand_connections(machine: RunningMachine, docker: Program, busybox: str, name: str) -> None:
    """In turns, and two thousand open at once. The server has room for them to wait, as BusyBox' httpd has not."""
    port = free_port()
    serve = ("socat", "TCP4-LISTEN:80,fork,backlog=4000", "SYSTEM:read line; echo here")
    docker("create", "--name", name, "-p", f"{port}:80", busybox, *serve)
    docker("cp", "-", f"{name}:/", stdin=socat_archive())
    docker("start", name)

    def heard(count: int) -> Counter[bytes]:
        """What so many connections that are open at once hear."""
        open_ones = [socket.create_connection(("127.0.0.1", port), 60) for _ in range(count)]
        found: Counter[bytes] = Counter()
        for one in open_ones:
            one.sendall(b"anybody?\n")
        for one in open_ones:
            with closing(one), one.makefile("rb") as reply, suppress(ConnectionResetError):
                found[reply.read()] += 1
        return found

    eventually(lambda: heard(1) == {b"here\n": 1}, 30)  # the port is there before its server is
    for count in (*[1] * 5000, 2000):
        assert heard(count) == {b"here\n": count}
    docker("rm", "-f", name)
    assert published(machine) == {}


@pytest.mark.slow("1,000 containers")
@pytest.mark.timeout(7200)
def test_a_thousand_cycles(machine: RunningMachine, docker: Program, busybox: str, name: str) -> None:
    def rules() -> str:
        return machine.slipway("shell", "--", "sh", "-c", "iptables-save -t nat | wc -l; pidof publish | wc -w")

    before = rules()
    docker("create", "--name", name, "-p", f"{free_port()}:80", "-p", f"{free_port()}:53/udp", busybox, *WEB)
    for _ in range(1000):
        docker("start", name)
        docker("kill", name)
    docker("rm", name)
    assert rules() == before
    assert published(machine) == {}
    assert machine.slipway("shell", "--", "ls", "-A", "/run/slipway/ports") == ""
