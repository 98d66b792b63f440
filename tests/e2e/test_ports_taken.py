"""Ports that are taken on the host: passed over where dockerd may choose, else told, and waited for."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psutil
import pytest

from engine.ports.reservations import RANDOM
from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine
from tests.e2e.publishing import (
    RETRIED_SECONDS,
    WEB,
    answered,
    eventually,
    port_of,
    published,
    refused,
    taken,
)
from tests.localhost import free_port

pytestmark = pytest.mark.machine


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
    assert "the port is in use on your computer by" in failed.err
    assert f"(process {os.getpid()})" in failed.err
    docker("start", name)  # it was created, and the port is free now
    assert answered("127.0.0.1", port) == "here"


def test_a_random_port_that_is_taken_here_is_passed_over(
    machine: RunningMachine, docker: Program, busybox: str, name: str
) -> None:
    """``-P``, also for a container that is removed when it does not start, and one port out of a range."""
    docker("run", "-d", "--name", name, "-p", "80", busybox, *WEB)
    first = port_of(docker, name)
    docker("rm", "-f", name)
    with taken(range(first + 1, first + 4)):
        docker("run", "--rm", "-d", "--name", name, "-p", "80", busybox, *WEB)
        chosen = port_of(docker, name)
        assert chosen > first + 3
        assert answered("127.0.0.1", chosen) == "here"
        docker("rm", "-f", name)
        docker("run", "--rm", "-d", "--name", name, "-p", f"{first + 3}-{first + 9}:80", busybox, *WEB)
        assert port_of(docker, name) > first + 3
        docker("rm", "-f", name)
        failed = docker.fails("run", "--rm", "-p", f"{first + 3}:80", busybox, "true")
        assert f"in use on your computer by {psutil.Process().name()}" in failed.err
    docker("run", "--rm", "-d", "--name", name, "-p", f"{first + 3}:80", busybox, *WEB)
    assert answered("127.0.0.1", first + 3) == "here"
    docker("rm", "-f", name)


@pytest.fixture
def crowded(docker: Program, busybox: str, name: str) -> Iterator[int]:
    """Other programs have nine ports in a row where dockerd chooses next; the last of them."""
    docker("run", "-d", "--name", name, "-p", "80", busybox, *WEB)
    first = port_of(docker, name)
    docker("rm", "-f", name)
    with taken(range(first + 1, first + 10)):
        yield first + 9


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
    """dockerd chooses again; by then more ports are taken than when the container was made."""
    begin = crowded + 100
    docker("run", "-d", "--name", name, "-p", "80", "-p", f"{begin}-{begin + 9}:81", busybox, *WEB)
    first, ranged = port_of(docker, name), port_of(docker, name, "81")
    with contextlib.ExitStack() as stack:

        def take(*ports: int) -> set[int]:
            stack.enter_context(taken(ports))
            return set(ports)

        occupied = take(*range(first + 1, first + 4), *range(ranged + 1, ranged + 5))
        docker("restart", "-t", "0", name)
        now = port_of(docker, name)
        assert now not in occupied
        assert answered("127.0.0.1", now) == "here"
        docker("stop", "-t", "0", name)
        occupied |= take(ranged)
        docker("start", name)
        assert not occupied & {port_of(docker, name), port_of(docker, name, "81")}


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
line=$(cat "/proc/$control/task/$control/children")
kill -STOP $line
echo held
until ls /run/slipway/ports/*.answer >/dev/null 2>&1; do usleep 20000; done
echo asked
read -r word
kill -CONT $line
"""
"""In the machine: hold back what dockerd's proxy asks the host for, until it has asked and a word comes."""


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
        with taken((port, port + 1), ""):
            between.stdin.write("go on\n")
            said, _ = begun.communicate(timeout=180)
    assert begun.returncode == 125, said
    assert f"in use on your computer by {psutil.Process().name()} (process {os.getpid()})" in said
    docker("start", name)
    assert answered("127.0.0.1", port_of(docker, name)) == "here"


@pytest.mark.slow("a restart of the machine")
def test_ports_that_are_taken_when_dockerd_starts_containers_itself(
    machine: RunningMachine, docker: Program, busybox: str, name: str
) -> None:
    """One runs without its port until it is free, and its user is reported; one that may choose skips it."""
    port = free_port()
    always = ("run", "-d", "--restart", "always")
    docker(*always, "--name", name, "-p", f"{port}:80", busybox, *WEB)
    docker(*always, "--name", f"{name}-random", "-p", "80", busybox, *WEB)
    machine.slipway("stop", timeout=300)
    try:
        with taken((port, *range(RANDOM.start, RANDOM.start + 3)), ""):
            machine.slipway("start", timeout=900)
            for one in (name, f"{name}-random"):
                assert docker("inspect", "-f", "{{.State.Running}}", one) == "true"
            told = published(machine)[f"0.0.0.0 {port} tcp"]
            assert f"in use on your computer by {psutil.Process().name()} (process {os.getpid()})" in told
            checks = json.loads(machine.slipway.run("diagnose", "--json").out)
            assert told in next(check["found"] for check in checks if check["name"] == "ports")
            assert answered("127.0.0.1", port_of(docker, f"{name}-random")) == "here"
        eventually(lambda: published(machine)[f"0.0.0.0 {port} tcp"] == "", RETRIED_SECONDS)
        assert answered("127.0.0.1", port) == "here"
    finally:
        docker.run("rm", "-f", f"{name}-random")
