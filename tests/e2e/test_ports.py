"""Published ports on this computer: each kind of address, taken ports, and that nothing is left of them."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import io
import json
import os
import re
import shutil
import socket
import subprocess
import tarfile
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine
from tests.unit.sshd import free_port

pytestmark = pytest.mark.machine

WEB = ("sh", "-c", "mkdir -p /w; echo here >/w/index.html; exec httpd -f -p 80 -h /w")


RETRIED_SECONDS = 30.0
"""Within which a port that was taken is had after it is free: it is tried every five."""


def fetch(address: str, port: int) -> str:
    shown = f"[{address}]" if ":" in address else address
    with urllib.request.urlopen(f"http://{shown}:{port}/index.html", timeout=30) as reply:
        text: str = reply.read().decode().strip()
        return text


def answered(address: str, port: int, seconds: float = 30.0) -> str:
    """The first answer of a container that has just been started: its port is there before its server is."""
    end = time.monotonic() + seconds
    while True:
        try:
            return fetch(address, port)
        except (http.client.RemoteDisconnected, ConnectionResetError):
            if time.monotonic() > end:
                raise


def family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def refused(address: str, port: int) -> bool:
    with closing(socket.socket(family(address))) as probe:
        probe.settimeout(10)
        return probe.connect_ex((address, port)) != 0


def has_ipv6() -> bool:
    try:
        with closing(socket.socket(socket.AF_INET6)) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def eventually(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.05)


def published(machine: RunningMachine) -> dict[str, str]:
    """Address → why it is not listened on, of every published port."""
    told = json.loads(machine.slipway("ports", "--json"))
    return {f"{item['address']} {item['port']} {item['protocol']}": item["failure"] for item in told}


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "", "the computer's own"])
def test_each_address_answers_where_it_was_asked_for(
    machine: RunningMachine, docker: Program, busybox: str, name: str, address: str
) -> None:
    if address == "::1" and not has_ipv6():
        pytest.skip("this computer has no IPv6")
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
        pytest.skip("this computer has no other address")
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
    assert published(machine)[f"127.0.0.1 {port} sctp"] == "SCTP is not carried to this computer"


def test_random_ports_ranges_and_all_exposed(docker: Program, busybox: str, name: str) -> None:
    begin = free_port()
    serve = "mkdir /w; echo here >/w/index.html; for p in 80 81 82; do httpd -p $p -h /w; done; sleep 100000"
    options = ("-p", "80", "-p", f"{begin}-{begin + 60}:81", "--expose", "82", "-P")
    docker("run", "-d", "--name", name, *options, busybox, "sh", "-c", serve)
    for inside in ("80", "81", "82"):
        shown = docker("port", name, inside).splitlines()[0]
        port = int(shown.rpartition(":")[2])
        assert answered("127.0.0.1", port) == "here", inside


def test_a_taken_port_fails_the_run_and_names_the_holder(docker: Program, busybox: str, name: str) -> None:
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        failed = docker.fails("run", "-d", "--name", name, "-p", f"{port}:80", busybox, *WEB)
    assert failed.code == 125
    assert "the port is in use on this computer by" in failed.err
    assert f"(process {os.getpid()})" in failed.err
    docker("start", name)  # it was created, and the port is free now
    assert answered("127.0.0.1", port) == "here"


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


def socat_archive() -> bytes:
    """This computer's socat with its libraries: a small image has nothing that answers datagrams."""
    program = shutil.which("socat")
    assert program, "socat is missing: python3 installers/dev.py setup"
    listed = subprocess.run(["ldd", program], capture_output=True, text=True, check=True).stdout
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", dereference=True) as tar:
        for path in (program, *re.findall(r"/[^ ]+", listed)):
            tar.add(path)
    return made.getvalue()


def told_back(address: str, port: int, said: bytes) -> bytes:
    """What a server of datagrams says; some may be lost, and it takes a moment to begin."""
    with closing(socket.socket(family(address), socket.SOCK_DGRAM)) as client:
        client.settimeout(2)
        client.connect((address, port))
        for _ in range(15):
            with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                client.send(said)
                return client.recv(65536)
    return b""


@pytest.mark.parametrize("address", ["127.0.0.1", "", "::1"])
def test_datagrams(docker: Program, busybox: str, name: str, address: str) -> None:
    """A container answers datagrams; without it the port is free again, and a program here may take it."""
    if address == "::1" and not has_ipv6():
        pytest.skip("this computer has no IPv6")
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
    assert "the port is in use on this computer by" in failed.err
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


def test_a_random_port_that_is_taken_here_is_passed_over(
    machine: RunningMachine, docker: Program, busybox: str, name: str
) -> None:
    """``-P``, also for a container that is removed when it does not start, and one port out of a range."""
    docker("run", "-d", "--name", name, "-p", "80", busybox, *WEB)
    first = port_of(docker, name)
    docker("rm", "-f", name)
    with contextlib.ExitStack() as taken:
        for port in range(first + 1, first + 4):
            taken.enter_context(closing(socket.create_server(("127.0.0.1", port))))
        docker("run", "--rm", "-d", "--name", name, "-p", "80", busybox, *WEB)
        chosen = port_of(docker, name)
        assert chosen > first + 3
        assert answered("127.0.0.1", chosen) == "here"
        docker("rm", "-f", name)
        docker("run", "--rm", "-d", "--name", name, "-p", f"{first + 3}-{first + 9}:80", busybox, *WEB)
        assert port_of(docker, name) > first + 3
        docker("rm", "-f", name)
        failed = docker.fails("run", "--rm", "-p", f"{first + 3}:80", busybox, "true")
        assert f"in use on this computer by {psutil.Process().name()}" in failed.err
    docker("run", "--rm", "-d", "--name", name, "-p", f"{first + 3}:80", busybox, *WEB)
    assert answered("127.0.0.1", first + 3) == "here"
    docker("rm", "-f", name)


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
        eventually(lambda: "in use on this computer" in published(machine).get(f"127.0.0.1 {late} tcp", ""))
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


@pytest.fixture
def crowded(docker: Program, busybox: str, name: str) -> Iterator[int]:
    """Other programs have nine ports in a row where dockerd chooses next; the last of them."""
    docker("run", "-d", "--name", name, "-p", "80", busybox, *WEB)
    first = port_of(docker, name)
    docker("rm", "-f", name)
    with contextlib.ExitStack() as taken:
        for port in range(first + 1, first + 10):
            taken.enter_context(closing(socket.create_server(("127.0.0.1", port))))
        yield first + 9


def port_of(docker: Program, container: str, inside: str = "80") -> int:
    """Where a container's port is."""
    return int(docker("port", container, inside).split()[0].rpartition(":")[2])


def test_all_exposed_ports_of_containers_that_start_together(
    docker: Program, busybox: str, name: str, crowded: int
) -> None:
    names = [f"{name}-{number}" for number in range(4)]
    begun = [docker.start("run", "-d", "--name", one, "--expose", "80", "-P", busybox, *WEB) for one in names]
    try:
        for run in begun:
            said, _ = run.communicate(timeout=180)
            assert run.returncode == 0, said
        found = {one: port_of(docker, one) for one in names}
        assert len(set(found.values())) == 4
        for port in found.values():
            assert port > crowded
            assert answered("127.0.0.1", port) == "here"
    finally:
        docker("rm", "-f", *names)


def test_a_restart_passes_over_what_has_been_taken(docker: Program, busybox: str, name: str, crowded: int) -> None:
    """dockerd chooses anew; by then more ports are taken than when the container was made."""
    docker("run", "-d", "--name", name, "-p", "80", "-p", f"{crowded - 1}-{crowded + 9}:81", busybox, *WEB)
    first, ranged = port_of(docker, name), port_of(docker, name, "81")
    assert ranged > crowded
    with contextlib.ExitStack() as taken:
        for port in {*range(first + 1, first + 4), *range(crowded + 1, crowded + 5)} - {first, ranged}:
            taken.enter_context(closing(socket.create_server(("127.0.0.1", port))))
        docker("restart", "-t", "0", name)
        now = port_of(docker, name)
        assert now not in range(first + 1, first + 4)
        assert answered("127.0.0.1", now) == "here"
        docker("stop", "-t", "0", name)
        taken.enter_context(closing(socket.create_server(("127.0.0.1", ranged))))
        docker("start", name)
        assert port_of(docker, name, "81") not in (ranged, *range(crowded + 1, crowded + 5))


def test_compose(docker: Program, busybox: str, name: str, tmp_path: Path, crowded: int) -> None:
    """A port that is named, one out of a range that is partly taken, a random one, and a private one."""
    fixed, private = free_port(), free_port()
    published = {
        "fixed": f"{fixed}:80",
        "ranged": f"{crowded - 2}-{crowded + 8}:80",
        "random": "80",
        "private": f"127.0.0.1:{private}:80",
    }
    service = {"image": busybox, "pull_policy": "never", "command": [*WEB], "stop_signal": "KILL"}
    services = {key: {**service, "ports": [value]} for key, value in published.items()}
    file = tmp_path / "compose.yaml"
    file.write_text(json.dumps({"name": name, "services": services}))
    compose = ("compose", "-f", str(file))
    try:
        docker(*compose, "up", "-d")
        found = {key: int(docker(*compose, "port", key, "80").rpartition(":")[2]) for key in services}
        assert (found["fixed"], found["private"]) == (fixed, private)
        assert crowded < found["ranged"] <= crowded + 8
        assert found["random"] > crowded
        for port in found.values():
            assert answered("127.0.0.1", port) == "here"
        own = socket.gethostbyname(socket.gethostname())
        assert own.startswith("127.") or refused(own, private)
    finally:
        docker(*compose, "down", "--timeout", "2")
    assert all(refused("127.0.0.1", port) for port in found.values())


BETWEEN = """
read -r control </etc/sv/control/supervise/pid
for line in $(pgrep -P "$control" cat); do kill -STOP "$line"; done
echo held
until ls /run/slipway/ports/*.answer >/dev/null 2>&1; do usleep 20000; done
echo asked
read -r word
kill -CONT $(pgrep -P "$control" cat)
"""
"""In the machine: hold back what dockerd's proxy asks this computer for, until it has asked and a word comes."""


def test_a_port_taken_between_check_and_bind(
    machine: RunningMachine, docker: Program, busybox: str, name: str
) -> None:
    """It is free here when the container starts, and free in the machine; then somebody takes it."""
    port = free_port()
    shell = [*machine.slipway.argv, "shell", "--", "sh", "-c", BETWEEN]
    environment = machine.slipway.full_environment
    with subprocess.Popen(shell, env=environment, stdin=-1, stdout=-1, text=True, bufsize=1) as between:
        assert between.stdin is not None
        assert between.stdout is not None
        assert between.stdout.readline() == "held\n"
        begun = docker.start("run", "-d", "--name", name, "-p", f"{port}-{port + 1}:80", busybox, *WEB)
        assert between.stdout.readline() == "asked\n"
        with contextlib.ExitStack() as taken:
            for one in (port, port + 1):
                taken.enter_context(closing(socket.create_server(("", one))))
            between.stdin.write("go on\n")
            said, _ = begun.communicate(timeout=180)
    assert begun.returncode == 125, said
    assert f"in use on this computer by {psutil.Process().name()} (process {os.getpid()})" in said
    docker("start", name)
    assert answered("127.0.0.1", port_of(docker, name)) == "here"


@pytest.mark.slow
def test_a_port_that_is_taken_when_dockerd_starts_the_container_itself(
    machine: RunningMachine, docker: Program, busybox: str, name: str
) -> None:
    """It runs, others reach it, what has its port is told, and it gets the port when that is free."""
    port = free_port()
    docker("run", "-d", "--name", name, "--restart", "always", "-p", f"{port}:80", busybox, *WEB)
    machine.slipway("stop", timeout=300)
    with closing(socket.create_server(("", port))):
        machine.slipway("start", timeout=900)
        eventually(lambda: docker("inspect", "-f", "{{.State.Running}}", name) == "true", 30)
        told = published(machine)[f"0.0.0.0 {port} tcp"]
        assert f"in use on this computer by {psutil.Process().name()} (process {os.getpid()})" in told
        checks = json.loads(machine.slipway.run("diagnose", "--json").out)
        assert told in next(check["found"] for check in checks if check["name"] == "ports")
    eventually(lambda: published(machine)[f"0.0.0.0 {port} tcp"] == "", RETRIED_SECONDS)
    assert answered("127.0.0.1", port) == "here"


@pytest.mark.slow
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


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_five_thousand_connections(machine: RunningMachine, docker: Program, busybox: str, name: str) -> None:
    """In turns, and two thousand open at once. The server has room for them to wait, as BusyBox' httpd has not."""
    port = free_port()
    serve = ("socat", "TCP4-LISTEN:80,fork,backlog=4000", "SYSTEM:read line; echo here")
    docker("create", "--name", name, "-p", f"{port}:80", busybox, *serve)
    docker("cp", "-", f"{name}:/", stdin=socat_archive())
    docker("start", name)
    for count in (*[1] * 5000, 2000):
        open_ones = [socket.create_connection(("127.0.0.1", port), 60) for _ in range(count)]
        for one in open_ones:
            one.sendall(b"anybody?\n")
        for one in open_ones:
            with closing(one), one.makefile("rb") as reply:
                assert reply.read() == b"here\n"
    docker("rm", "-f", name)
    assert published(machine) == {}


@pytest.mark.slow
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
