"""Faults while the machine runs: each is made for real and has to end in a known state, told clearly.

The session's machine is left alone: these tests have one of their own, started once and healed by each of them.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psutil
import pytest

from installers.checkout import system
from tests.e2e.cli import Program, venv_program
from tests.e2e.conftest import START_SECONDS, RunningMachine
from tests.e2e.leftovers import assert_nothing_left
from tests.e2e.publishing import WEB, answered, published
from tests.localhost import free_port
from vm.host import host

pytestmark = pytest.mark.machine

NOTICED = 2.0
"""Seconds within which the end of QEMU is known."""

BACK = 180.0
"""Seconds within which a machine under emulation is back."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningMachine]:
    """A machine for faults."""
    home = Path(tempfile.mkdtemp(prefix="slipway-", dir="/tmp")).resolve()
    environment = {"SLIPWAY_HOME": str(home), "DOCKER_CONFIG": str(tmp_path_factory.mktemp("faults-config"))}
    slipway = Program((str(venv_program("slipway")),), environment)
    try:
        slipway("start", timeout=START_SECONDS)
        yield RunningMachine(home, home / "run" / "docker.sock", slipway)
    finally:
        stopped = slipway.run("stop", timeout=300)
    assert stopped.code == 0, f"\n{stopped}"
    assert_nothing_left(home)
    shutil.rmtree(home)


@pytest.fixture(scope="module")
def docker(own: RunningMachine) -> Program:
    program = system.find_program("docker")
    assert program
    config = own.slipway.environment["DOCKER_CONFIG"]
    return Program((program,), {"DOCKER_HOST": f"unix://{own.socket}", "DOCKER_CONFIG": config})


@pytest.fixture(scope="module")
def image(docker: Program, busybox_archives: dict[str, tuple[Path, str]]) -> str:
    archive, name = busybox_archives[host().arch.value]
    docker("load", "-i", archive)
    return name


def status(slipway: Program) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(slipway.run("status", "--json").out)
    return told


def await_status(slipway: Program, wanted: Callable[[dict[str, Any]], bool], seconds: float) -> dict[str, Any]:
    """Ask for the status until ``wanted`` holds; fail after ``seconds``."""
    end = time.monotonic() + seconds
    while True:
        told = status(slipway)
        if wanted(told):
            return told
        assert time.monotonic() < end, f"still: {json.dumps(told, indent=1)}"
        time.sleep(0.2)


def qemu_of(slipway: Program) -> psutil.Process:
    pid = status(slipway)["machine"]["pid"]
    assert pid, "no QEMU runs"
    return psutil.Process(pid)


def is_running(told: dict[str, Any]) -> bool:
    return bool(told["state"] == "running")


def test_qemu_is_killed(own: RunningMachine, docker: Program, image: str) -> None:
    """Noticed within 2 s, restarted; images are intact, what has a restart policy is back and so is its port."""
    port = free_port()
    docker("run", "-d", "--name", "back", "--restart", "always", "-p", f"{port}:80", image, *WEB)
    assert answered("127.0.0.1", port) == "here"
    docker("run", "-d", "--name", "gone", image, "sleep", "100000")
    docker("run", "--rm", "-v", "kept:/kept", image, "sh", "-c", "echo precious > /kept/file; sync")
    images = docker("images", "--no-trunc", "--digests")
    qemu = qemu_of(own.slipway)
    qemu.kill()
    await_status(own.slipway, lambda told: told["state"] == "restarting", NOTICED)
    assert docker("images", "--no-trunc", "--digests", timeout=BACK) == images  # waited, was not refused
    told = await_status(own.slipway, is_running, BACK)
    assert told["machine"]["pid"] != qemu.pid
    await_engine(lambda: docker("ps", "--format", "{{.Names}}") == "back")
    assert answered("127.0.0.1", port) == "here"
    assert docker("run", "--rm", "-v", "kept:/kept", image, "cat", "/kept/file") == "precious"
    docker("rm", "-f", "back", "gone")


def await_engine(wanted: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not wanted():
        assert time.monotonic() < end
        time.sleep(0.5)


def test_the_supervisor_is_killed(own: RunningMachine, docker: Program, image: str) -> None:
    """The next command starts another one, which takes the machine over: same QEMU, containers still running.

    A connection through a port ends with the old one; the port itself is back with the new one.
    """
    port = free_port()
    docker("run", "-d", "--name", "survivor", "-p", f"{port}:80", image, *WEB)
    assert answered("127.0.0.1", port) == "here"
    open_one = socket.create_connection(("127.0.0.1", port), 30)
    ports = published(own)
    started = docker("inspect", "-f", "{{.State.StartedAt}} {{.State.Pid}}", "survivor")
    before = status(own.slipway)
    psutil.Process(before["supervisor_pid"]).kill()
    after = await_status(own.slipway, is_running, 60)
    assert after["supervisor_pid"] != before["supervisor_pid"]
    assert after["machine"]["pid"] == before["machine"]["pid"]
    with closing(open_one), contextlib.suppress(ConnectionResetError):
        assert open_one.recv(1) == b""
    assert answered("127.0.0.1", port) == "here"
    assert published(own) == ports
    assert after["accelerator"]["name"] == before["accelerator"]["name"]
    assert docker("inspect", "-f", "{{.State.StartedAt}} {{.State.Pid}}", "survivor") == started
    docker("rm", "-f", "survivor")


@pytest.mark.parametrize("damage", ["a key of another version", "garbage"])
def test_the_record_of_qemu_is_not_understood(own: RunningMachine, damage: str) -> None:
    """The next supervisor takes the running QEMU over all the same."""
    before = status(own.slipway)
    psutil.Process(before["supervisor_pid"]).kill()
    record = own.home / "run" / "qemu.json"
    if damage == "garbage":
        record.write_text('{"pid": ')
    else:
        record.write_text(json.dumps({**json.loads(record.read_text()), "from_the_future": {"x": 1}}))
    after = await_status(own.slipway, is_running, 60)
    assert after["supervisor_pid"] != before["supervisor_pid"]
    assert after["machine"]["pid"] == before["machine"]["pid"]


def test_supervisor_and_qemu_are_killed(own: RunningMachine, docker: Program) -> None:
    """What is left is cleaned up, and the next start starts a new machine."""
    before = status(own.slipway)
    psutil.Process(before["supervisor_pid"]).kill()
    psutil.Process(before["machine"]["pid"]).kill()
    told = await_status(own.slipway, lambda told: told["state"] == "stopped", 30)
    assert told["failure"] is None
    own.slipway("start", timeout=BACK)
    assert docker("info", "--format", "{{.ServerVersion}}").startswith("28.5")


def test_dockerd_is_killed(own: RunningMachine, docker: Program, image: str) -> None:
    before = own.slipway("shell", "--", "pidof", "dockerd")
    own.slipway("shell", "--", "kill", "-9", before)
    told = await_status(own.slipway, is_running, 60)
    assert told["failure"] is None
    assert own.slipway("shell", "--", "pidof", "dockerd") != before
    assert docker("run", "--rm", image, "echo", "here") == "here"


def test_containerd_is_killed(own: RunningMachine, docker: Program, image: str) -> None:
    before = own.slipway("shell", "--", "pidof", "containerd")
    own.slipway("shell", "--", "kill", "-9", before)
    await_engine(lambda: docker.run("run", "--rm", image, "true").code == 0)
    assert own.slipway("shell", "--", "pidof", "containerd") != before


def test_the_agent_is_killed(own: RunningMachine, docker: Program, image: str) -> None:
    """In the midst of 50 transfers: each is cut having seen no bytes but its own, and the next ones are well."""
    port = free_port()
    echo = ("nc", "-ll", "-p", "7", "-e", "cat")
    docker("run", "-d", "--name", "echo", "-p", f"127.0.0.1:{port}:7", image, *echo)
    assert echoes(connected(port, 1), 1, 1 << 20) == "whole"
    outcomes: list[str] = []
    clients = [connected(port, mark) for mark in range(1, 51)]  # one by one: BusyBox' server has a short queue

    def transfer(mark: int, client: socket.socket) -> None:
        outcomes.append(echoes(client, mark, 1 << 40))

    transfers = [threading.Thread(target=transfer, args=given) for given in enumerate(clients, 1)]
    for thread in transfers:
        thread.start()
    agent = own.slipway("shell", "--", "pidof", "agent")
    own.slipway("shell", "--", "kill", "-9", agent)
    for thread in transfers:
        thread.join(BACK)
    assert outcomes == ["cut"] * 50
    await_engine(lambda: docker.run("version").code == 0)
    assert echoes(connected(port, 77), 77, 1 << 20) == "whole"
    assert own.slipway("shell", "--", "pidof", "agent") != agent
    docker("rm", "-f", "echo")


def test_without_an_agent_ssh_has_to_do(own: RunningMachine, docker: Program, image: str) -> None:
    """The way into the machine is the slower one as long as the fast one cannot be had."""
    own.slipway("shell", "--", "sv", "down", "/etc/sv/agent")
    await_engine(lambda: docker.run("version").code == 0)
    assert own.slipway("shell", "--", "sh", "-c", "pidof agent || echo none") == "none"
    assert docker("run", "--rm", "-i", image, "cat", stdin="by SSH") == "by SSH"
    assert is_running(status(own.slipway))
    own.slipway("shell", "--", "sv", "up", "/etc/sv/agent")
    # its own session included, and the next way into the machine is the fast one again
    own.slipway.run("shell", "--", "killall", "sshd-session")
    await_status(own.slipway, is_running, 60)
    assert docker("run", "--rm", "-i", image, "cat", stdin="by the agent") == "by the agent"
    log = (own.home / "logs" / "supervisor.log").read_text()
    assert log.rindex("no fast link, SSH has to do") < log.rindex("the fast link is there")


def connected(port: int, mark: int) -> socket.socket:
    """A connection to the echo, over which the byte ``mark`` has come back."""
    client = socket.create_connection(("127.0.0.1", port), BACK)
    client.sendall(bytes([mark]))
    assert client.recv(1) == bytes([mark])
    return client


def echoes(client: socket.socket, mark: int, size: int) -> str:
    """Send ``size`` bytes of the value ``mark`` and read them back; says how that went."""
    piece = bytes([mark]) * 16384
    with closing(client):
        try:
            for _ in range(size // len(piece)):
                client.sendall(piece)
                due = len(piece)
                while due > 0:
                    data = client.recv(due)
                    if not data:
                        return "cut"
                    if data != piece[: len(data)]:
                        return "bytes of another stream"
                    due -= len(data)
        except ConnectionError:
            return "cut"
    return "whole"


def test_qemu_is_suspended(own: RunningMachine, docker: Program) -> None:
    """``kill -STOP``: the status names the hop; afterwards all is as before."""
    qemu = qemu_of(own.slipway)
    qemu.suspend()
    try:
        result = own.slipway.run("status", "--json")
        told = json.loads(result.out)
        assert result.code == 4
        assert told["state"] == "unreachable"
        assert "suspended" in told["failure"]["message"]
        assert f"kill -CONT {qemu.pid}" in told["failure"]["hint"]
        failed = [hop["name"] for hop in told["hops"] if hop["ok"] is False]
        assert failed == ["qemu-process"]
    finally:
        qemu.resume()
    assert await_status(own.slipway, is_running, 30)["machine"]["pid"] == qemu.pid
    assert docker("version", "--format", "{{.Server.Os}}") == "linux"


def test_dockerd_is_suspended(own: RunningMachine) -> None:
    """The status distinguishes dockerd from the way to it."""
    own.slipway("shell", "--", "sh", "-c", "kill -STOP $(pidof dockerd)")
    try:
        told = status(own.slipway)
        assert told["state"] == "unreachable"
        assert [hop["name"] for hop in told["hops"] if hop["ok"] is False] == ["dockerd"]
    finally:
        own.slipway("shell", "--", "sh", "-c", "kill -CONT $(pidof dockerd)")
    await_status(own.slipway, is_running, 30)


def test_the_clock_jumped(own: RunningMachine, docker: Program, image: str) -> None:
    """A guest whose clock is years behind, as after sleep, has the host's time again within half a minute."""
    own.slipway("shell", "--", "date", "-s", "2020-01-01 00:00:00")

    def right() -> bool:
        return abs(int(docker("run", "--rm", image, "date", "+%s")) - time.time()) < 5

    assert not right()
    await_engine(right, 60)


def test_many_connections_at_once_leave_nothing(own: RunningMachine, docker: Program) -> None:
    """After 200 parallel calls the supervisor holds no more open files than before."""
    supervisor = psutil.Process(status(own.slipway)["supervisor_pid"])
    docker("info")
    before = supervisor.num_fds()
    calls = [docker.start("ps", "-q") for _ in range(200)]
    assert [call.wait(BACK) for call in calls] == [0] * 200
    for call in calls:
        assert call.stdout is not None
        call.stdout.close()
    await_engine(lambda: supervisor.num_fds() <= before + 2, 20)


def test_stop_while_a_client_waits(own: RunningMachine, docker: Program, image: str) -> None:
    """A stop ends the streams that are open; afterwards the socket says what to do instead of hanging."""
    docker("run", "-d", "--name", "talker", image, "sh", "-c", "while :; do echo still here; sleep 1; done")
    follower = docker.start("logs", "-f", "talker")
    own.slipway("stop", "--keep-supervisor", timeout=120)
    follower.communicate(timeout=20)
    refused = docker.fails("ps")
    assert "slipway start" in refused.err
    told = own.slipway.run("status")
    assert told.code == 3
    own.slipway("start", timeout=BACK)
    assert "talker" in docker("ps", "-a", "--format", "{{.Names}}")
    docker("rm", "-f", "talker")


def test_restart_keeps_callers_waiting(own: RunningMachine, docker: Program) -> None:
    """A call made while the machine restarts is answered by the new one."""
    before = qemu_of(own.slipway).pid
    restart = own.slipway.start("restart")
    await_status(own.slipway, lambda told: told["state"] in ("starting", "stopping"), 10)
    assert docker("version", "--format", "{{.Server.Version}}", timeout=BACK).startswith("28.5")
    assert restart.wait(BACK) == 0
    assert restart.stdout is not None
    restart.stdout.close()
    assert qemu_of(own.slipway).pid != before


def test_reset(own: RunningMachine, docker: Program, image: str) -> None:
    """It names what goes and asks; then everything but the settings is as new."""
    own.slipway("settings", "set", "wait_seconds", "90")
    asked = own.slipway.fails("reset", "--keep-system-image")
    assert asked.code == 2
    assert str(own.home / "machine" / "data.qcow2") in asked.out
    assert is_running(status(own.slipway))
    own.slipway("reset", "--keep-system-image", "--yes", timeout=120)
    assert_nothing_left(own.home)
    assert not (own.home / "machine" / "data.qcow2").exists()
    assert own.slipway("settings", "get", "wait_seconds") == "90"
    own.slipway("start", timeout=BACK)
    assert docker("images", "-q") == ""


def test_the_supervisor_is_told_to_end(own: RunningMachine, docker: Program) -> None:
    """SIGTERM, as a system sends at shutdown: the machine is stopped cleanly and nothing is left.

    The last of the tests: the machine is not started again.
    """
    told = status(own.slipway)
    os.kill(told["supervisor_pid"], signal.SIGTERM)
    assert_nothing_left(own.home, 60)
    log = (own.home / "logs" / "supervisor.log").read_text()
    assert "stopped by poweroff" in log.splitlines()[-1] or "stopped by poweroff" in log[-2000:]
