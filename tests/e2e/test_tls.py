"""The engine by TLS: the docker command with a context made from a client's files, docker-py, and the wire."""

from __future__ import annotations

import json
import shlex
import shutil
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import docker as docker_py
import psutil
import pytest
from docker.tls import TLSConfig

from tests.e2e import wire
from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine
from tests.e2e.tls_socket import TlsSocket
from tests.localhost import free_port

pytestmark = pytest.mark.machine

CERTIFICATES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE")
"""What requests believes more than it believes the program that uses it."""


@dataclass(frozen=True)
class Door:
    """The TLS listener of the session's machine.

    :ivar add: makes a client and its Docker context; returns the docker command with it.
    """

    port: int
    folder: Path
    add: Callable[[str], Program]

    def files(self, name: str) -> tuple[str, str, str]:
        """A client's authority, certificate and key."""
        ca, certificate, key = (str(self.folder / name / file) for file in ("ca.pem", "cert.pem", "key.pem"))
        return ca, certificate, key

    def connect(self, name: str) -> wire.Connect:
        """Connects a wire probe as this client, whatever the path."""
        ca, certificate, key = self.files(name)
        context = ssl.create_default_context(cafile=ca)
        context.load_cert_chain(certificate, key)
        return lambda _, timeout: TlsSocket(("127.0.0.1", self.port), context, timeout)


@pytest.fixture(scope="module")
def door(machine: RunningMachine, docker: Program, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    port, folder, made = free_port(), tmp_path_factory.mktemp("tls"), []
    machine.slipway("tls", "enable", "--port", str(port))

    def add(name: str) -> Program:
        told = machine.slipway("tls", "client", "add", name, "--out", folder / name)
        words = shlex.split(told.splitlines()[-1])
        assert words[:3] == ["docker", "context", "create"]
        docker(*words[1:])
        made.append(name)
        return Program(docker.argv, {**docker.environment, "DOCKER_CONTEXT": name})

    yield Door(port, folder, add)
    machine.slipway("tls", "disable", "--forget", "--yes")
    docker("context", "rm", *made)
    assert not (machine.home / "tls").exists()


@pytest.fixture(scope="module")
def remote(door: Door) -> Program:
    """The docker command of a client that is let in."""
    return door.add("laptop")


def test_run_with_an_input_that_ends(remote: Program, busybox: str) -> None:
    script = "cat; sleep 1; echo after"
    result = remote.run("run", "-i", "--rm", busybox, "sh", "-c", script, stdin="hi\n")
    assert (result.code, result.out) == (0, "hi\nafter\n"), f"\n{result}"


def test_a_revoked_client_is_cut_off_and_refused(
    machine: RunningMachine, door: Door, remote: Program, busybox: str, name: str
) -> None:
    remote("run", "-d", "--name", name, busybox, "sleep", "1000")
    revoked = door.add("revoked")
    following = revoked.start("exec", name, "sh", "-c", "echo here; sleep 1000")
    try:
        assert following.stdout is not None
        assert following.stdout.readline() == "here\n"
        machine.slipway("tls", "client", "revoke", "revoked")
        assert following.wait(timeout=30) != 0
    finally:
        following.kill()
        following.communicate()
    assert "revoked certificate" in revoked.fails("ps").err
    assert name in remote("ps", "--format", "{{.Names}}")


def test_a_mount_is_judged_as_that_of_a_local_client(remote: Program, docker: Program, busybox: str) -> None:
    command = ("run", "--rm", "-v", "/etc:/etc2", busybox, "true")
    by_tls, local = remote.fails(*command), docker.fails(*command)
    assert "is not shared" in by_tls.err
    assert by_tls.err == local.err


def test_nothing_listens_without_tls(
    machine: RunningMachine, door: Door, docker: Program, remote: Program
) -> None:
    status = json.loads(machine.slipway("status", "--json"))
    assert status["tls"] == f"tcp://127.0.0.1:{door.port}"
    connections = psutil.Process(status["supervisor_pid"]).net_connections("tcp")
    assert {one.laddr for one in connections if one.status == psutil.CONN_LISTEN} == {("127.0.0.1", door.port)}
    without = dict.fromkeys(("DOCKER_CONTEXT", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"), "")
    plain = Program(docker.argv, {**docker.environment, **without, "DOCKER_HOST": f"tcp://127.0.0.1:{door.port}"})
    assert "This port takes TLS only" in plain.fails("ps").err


def test_docker_py(door: Door, remote: Program, busybox: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in CERTIFICATES:
        monkeypatch.delenv(variable, raising=False)
    ca, certificate, key = door.files("laptop")
    tls = TLSConfig(client_cert=(certificate, key), ca_cert=ca, verify=True)
    client = docker_py.DockerClient(base_url=f"tcp://127.0.0.1:{door.port}", tls=tls)
    try:
        assert client.containers.run(busybox, ["echo", "by TLS"], remove=True) == b"by TLS\n"
    finally:
        client.close()


QUICK = (wire.half_close_ends_stdin_only, wire.session_speaks_http2)


@pytest.mark.parametrize(
    "probe",
    [
        pytest.param(probe, marks=() if probe in QUICK else pytest.mark.slow("the endpoint does it by both ways"))
        for probe in wire.PROBES
    ],
    ids=lambda probe: probe.__name__,
)
def test_wire(probe: wire.Probe, door: Door, remote: Program, busybox: str) -> None:
    probe(wire.Api(Path(), connect=door.connect("laptop")), busybox)


@pytest.mark.slow("restarts the machine")
def test_a_stopped_engine_says_so_and_a_starting_one_lets_wait(
    machine: RunningMachine, docker: Program, remote: Program
) -> None:
    machine.slipway("settings", "set", "wait_seconds", "600")
    machine.slipway("stop", "--keep-supervisor")
    try:
        assert remote.fails("ps").err == docker.fails("ps").err
        starting = machine.slipway.start("start")
        time.sleep(2)  # it starts for far longer
        assert remote("version", "--format", "{{.Server.Os}}") == "linux"
        starting.communicate(timeout=600)
    finally:
        machine.slipway("settings", "set", "wait_seconds", "null")
        machine.slipway("start", timeout=600)


@pytest.mark.slow("two hundred docker commands")
def test_two_hundred_docker_commands(remote: Program) -> None:
    running = [remote.start("version", "--format", "{{.Server.Os}}") for _ in range(200)]
    told = [process.communicate(timeout=300)[0] for process in running]
    assert told == ["linux\n"] * 200


@pytest.mark.slow("copies 64 MB each way, and builds")
def test_copying_and_building(remote: Program, busybox: str, name: str, tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(range(256)) * 250_000)
    remote("run", "-d", "--name", name, busybox, "sleep", "1000")
    remote("cp", tmp_path / "big", f"{name}:/big")
    remote("cp", f"{name}:/big", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == (tmp_path / "big").read_bytes()
    (tmp_path / "Dockerfile").write_text(f"FROM {busybox}\nCOPY big /\nRUN cmp big big && echo same > /told\n")
    remote("build", "-q", "-t", name, tmp_path)
    try:
        assert remote("run", "--rm", name, "cat", "/told") == "same"
    finally:
        remote("rmi", "-f", name)
        shutil.rmtree(tmp_path / "back", ignore_errors=True)
