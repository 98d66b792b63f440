"""Sockets of the host in containers: the SSH agent's, and those of shared folders."""

from __future__ import annotations

import json
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import psutil
import pytest

from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine
from tests.e2e.publishing import eventually, program_archive, socat_archive

pytestmark = pytest.mark.machine

AGENT = "/run/host-services/ssh-auth.sock"

LARGE = 3 * 1024 * 1024


def answer(connection: socket.socket) -> None:
    """Say hello, then what is heard in capital letters until the other side ends; then that this was all."""
    with connection:
        connection.sendall(b"hello ")
        while heard := connection.recv(65536):
            connection.sendall(heard.upper())
        connection.sendall(b" all")


@contextmanager
def serving(path: Path) -> Iterator[None]:
    with closing(socket.socket(socket.AF_UNIX)) as server:
        server.bind(str(path))
        server.listen(64)

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:  # closed
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            path.unlink()


@pytest.fixture
def place(shared_folder: Path, name: str) -> Path:
    return shared_folder / f"{name} ü.sock"


ASK = "printf abc | socat -t20 - UNIX-CONNECT:/s"


@pytest.fixture
def container(docker: Program, busybox: str, name: str, place: Path) -> Iterator[str]:
    """It runs as the user nobody, and is always restarted."""
    with serving(place):
        options = ("--restart=always", "--user=65534", f"--mount=type=bind,src={place},dst=/s")
        docker("create", "--name", name, *options, busybox, "sleep", "100000")
        docker("cp", "-", f"{name}:/", stdin=socat_archive())
        docker("start", name)
        yield name
        docker("rm", "-f", name)


def test_both_ways_and_many_at_once(docker: Program, container: str) -> None:
    assert docker("exec", container, "sh", "-c", ASK) == "hello ABC all"
    large = f"head -c {LARGE} /dev/zero | tr '\\0' x | socat -t60 - UNIX-CONNECT:/s | tr -d X | wc -c"
    assert docker("exec", container, "sh", "-c", large) == str(len("hello  all"))
    many = f"for i in $(seq 40); do {ASK} >/tmp/$i & done; wait; cat /tmp/[0-9]* | grep -o 'hello ABC all' | wc -l"
    assert docker("exec", container, "sh", "-c", many) == "40"


def test_a_server_that_goes_and_comes(docker: Program, busybox: str, name: str, place: Path) -> None:
    with serving(place):
        docker("create", "--name", name, "-v", f"{place}:/s", busybox, "sleep", "100000")
        docker("cp", "-", f"{name}:/", stdin=socat_archive())
        docker("start", name)
    assert "hello" not in docker.run("exec", name, "sh", "-c", ASK).out
    with serving(place):
        assert docker("exec", name, "sh", "-c", ASK) == "hello ABC all"


def test_a_container_cannot_have_it_lead_elsewhere(
    docker: Program, busybox: str, container: str, place: Path, tmp_path: Path
) -> None:
    """A program that may write to the folder may put a link there, which is not followed here."""
    with serving(tmp_path / "s"):
        script = f"mv '/m/{place.name}' /m/kept.sock && ln -s '{tmp_path}/s' '/m/{place.name}'"
        docker("run", "--rm", "-v", f"{place.parent}:/m", busybox, "sh", "-c", script)
        assert place.is_symlink()
        assert "hello" not in docker.run("exec", container, "sh", "-c", ASK).out
        place.unlink()
        (place.parent / "kept.sock").rename(place)
        assert docker("exec", container, "sh", "-c", ASK) == "hello ABC all"


def test_it_outlives_the_agent_the_supervisor_and_the_machine(
    machine: RunningMachine, docker: Program, container: str
) -> None:
    def works() -> bool:
        return docker.run("exec", container, "sh", "-c", ASK).out == "hello ABC all"

    assert works()
    machine.slipway("shell", "--", "sh", "-c", "kill -9 $(pidof agent)")
    eventually(works, 30)
    pid = json.loads(machine.slipway("status", "--json"))["supervisor_pid"]
    psutil.Process(pid).kill()
    machine.slipway("start")
    eventually(works, 30)
    machine.slipway("restart")
    eventually(works, 30)


@pytest.fixture
def agent(machine: RunningMachine, tmp_path: Path) -> Iterator[str]:
    """A running SSH agent with one key, whose comment this is."""
    program = shutil.which("ssh-agent")
    assert program
    key = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "one key", "-f", key], check=True)
    with subprocess.Popen([program, "-D", "-a", str(machine.agent)], stdout=subprocess.DEVNULL) as running:
        try:
            eventually(machine.agent.is_socket)
            add = Program(("ssh-add",), {"SSH_AUTH_SOCK": str(machine.agent)})
            add(str(key))
            yield "one key"
        finally:
            running.terminate()


def test_the_agent_of_a_new_login(
    machine: RunningMachine, docker: Program, busybox: str, name: str, tmp_path: Path
) -> None:
    """Containers that run get it as soon as anything of the new login has used Slipway."""
    docker("create", "--name", name, "-v", f"{AGENT}:/s", busybox, "sleep", "100000")
    docker("cp", "-", f"{name}:/", stdin=socat_archive())
    docker("start", name)
    assert "hello" not in docker.run("exec", name, "sh", "-c", ASK).out
    login = Program(machine.slipway.argv, {**machine.slipway.environment, "SSH_AUTH_SOCK": str(tmp_path / "s")})
    with serving(tmp_path / "s"):
        login("status")
        assert docker("exec", name, "sh", "-c", ASK) == "hello ABC all"
        machine.slipway("status")  # one of the login before: the newer one stays
        assert docker("exec", name, "sh", "-c", ASK) == "hello ABC all"
    with serving(machine.agent):  # when the newer one has ended, the other is used again
        assert docker("exec", name, "sh", "-c", ASK) == "hello ABC all"
    docker("rm", "-f", name)


@pytest.mark.parametrize("named", ["as others name it", "by its path"])
def test_the_ssh_agent(
    machine: RunningMachine, docker: Program, busybox: str, name: str, agent: str, named: str
) -> None:
    source = AGENT if named == "as others name it" else str(machine.agent)
    mount = (f"--mount=type=bind,src={source},dst=/agent", "-e", "SSH_AUTH_SOCK=/agent")
    docker("create", "--name", name, *mount, busybox, "ssh-add", "-l")
    docker("cp", "-", f"{name}:/", stdin=program_archive("ssh-add"))
    assert agent in docker("start", "-a", name)


def test_sockets_that_no_container_has(
    machine: RunningMachine, docker: Program, busybox: str, tmp_path: Path, name: str
) -> None:
    own = docker.fails("run", "--rm", "-v", f"{machine.home}/run/control.sock:/s", busybox, "true")
    assert "is Slipway's own" in own.err
    with serving(tmp_path / "s"):
        unshared = docker.fails("run", "--rm", "-v", f"{tmp_path}/s:/s", busybox, "true")
    assert f"“{tmp_path}/s” is not shared" in unshared.err
