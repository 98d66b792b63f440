"""What users of testcontainers (Python) do, by its public interface; runs where that is installed (python.py).

``PEER_IMAGE`` is a small image with a shell, ``PEER_SHARED`` a folder that containers can mount, ``PEER_OTHER``
one that they cannot, ``PEER_REAPER`` an image in place of Ryuk's.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import docker
import pytest
from testcontainers.compose import DockerCompose
from testcontainers.core.container import DockerContainer, ExecConfig
from testcontainers.core.image import DockerImage
from testcontainers.core.network import Network
from testcontainers.core.wait_strategies import (
    CompositeWaitStrategy,
    ContainerStatusWaitStrategy,
    ExecWaitStrategy,
    FileExistsWaitStrategy,
    HealthcheckWaitStrategy,
    HttpWaitStrategy,
    LogMessageWaitStrategy,
    PortWaitStrategy,
)

IMAGE = os.environ["PEER_IMAGE"]
SHARED = Path(os.environ["PEER_SHARED"])
WEB = "mkdir -p /www && echo $WORD > /www/index.html && echo served && exec httpd -f -p 8000 -h /www"
SECONDS = 120


def container(script: str) -> DockerContainer:
    return DockerContainer(IMAGE).with_command(["sh", "-c", script])


def web(word: str = "hello") -> DockerContainer:
    return container(WEB).with_env("WORD", word).with_exposed_ports(8000)


def fetched(server: DockerContainer) -> str:
    """The page of a web server, at the address that testcontainers gives for it."""
    address = f"http://{server.get_container_host_ip()}:{server.get_exposed_port(8000)}/"
    with urllib.request.urlopen(address, timeout=SECONDS) as reply:
        return str(reply.read().decode().strip())


def eventually(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"in vain: {what}"
        time.sleep(0.2)


@pytest.fixture
def folder() -> Iterator[Path]:
    made = SHARED / f"peer-{os.getpid()}-{time.monotonic_ns()}"
    made.mkdir()
    yield made
    for path in sorted(made.rglob("*"), reverse=True):
        path.unlink() if path.is_file() else path.rmdir()
    made.rmdir()


# -- waiting ------------------------------------------------------------------------------------------------------


@pytest.mark.quick
def test_a_server_that_is_waited_for() -> None:
    strategy = HttpWaitStrategy(8000).for_status_code(200).for_response_predicate(lambda body: "hello" in body)
    with web().waiting_for(strategy.with_startup_timeout(SECONDS)) as server:
        assert fetched(server) == "hello"
        assert server.status in ("created", "running")  # as it was when it was made
        server.reload()
        assert server.status == "running"


@pytest.mark.parametrize(
    "strategy",
    [
        LogMessageWaitStrategy("served"),
        PortWaitStrategy(8000),
        FileExistsWaitStrategy("{folder}/ready"),
        ExecWaitStrategy(["wget", "-q", "-O", "-", "http://127.0.0.1:8000/"]),
        HealthcheckWaitStrategy(),
        ContainerStatusWaitStrategy(),
        CompositeWaitStrategy(LogMessageWaitStrategy("served"), PortWaitStrategy(8000)),
    ],
    ids=lambda strategy: type(strategy).__name__,
)
def test_ways_to_wait(strategy: object, folder: Path) -> None:
    if isinstance(strategy, FileExistsWaitStrategy):
        strategy = FileExistsWaitStrategy(folder / "ready")
    check = {"test": ["CMD", "wget", "-q", "-O", "-", "http://127.0.0.1:8000/"], "interval": 10**9, "retries": 60}
    server = container(f"touch /out/ready; {WEB}").with_env("WORD", "hello").with_exposed_ports(8000)
    server = server.with_volume_mapping(folder, "/out", "rw").with_kwargs(healthcheck=check)
    with server.waiting_for(strategy.with_startup_timeout(SECONDS)) as running:  # type: ignore[attr-defined]  # all have it
        eventually(lambda: "served" in running.get_logs()[0].decode(), "it serves")
        assert fetched(running) == "hello"
        assert (folder / "ready").exists()


def test_waiting_in_vain() -> None:
    strategy = LogMessageWaitStrategy("never").with_startup_timeout(3)
    server = container("echo something else; sleep 100").waiting_for(strategy)
    with pytest.raises(TimeoutError) as told, server:
        pytest.fail("it has been found")
    assert "something else" in "".join(told.value.__notes__)


# -- using a container --------------------------------------------------------------------------------------------


@pytest.mark.quick
def test_exec_logs_and_exit_codes() -> None:
    with container("echo out; echo err >&2; sleep 1000") as running:
        done = running.exec(["sh", "-c", "echo inside; exit 5"])
        assert (done.exit_code, done.output) == (5, b"inside\n")
        script = ["sh", "-c", "pwd; id -un; echo $WORD"]
        config = ExecConfig(script, user="postgres", workdir="/tmp", environment={"WORD": "given"})
        assert running.exec(config).output == b"/tmp\npostgres\ngiven\n"
        eventually(lambda: running.get_logs() == (b"out\n", b"err\n"), "both streams are there")
        info = running.get_container_info()
        assert info is not None
        assert info.State.Running
    with container("exit 9") as ended:
        assert ended.wait() == 9


@pytest.mark.quick
def test_a_mapped_folder_is_the_hosts(folder: Path) -> None:
    (folder / "in").write_text("from the host")
    with container("cp /data/in /data/out; sleep 1000").with_volume_mapping(folder, "/data", "rw") as running:
        eventually((folder / "out").exists, "the container has written")
        eventually(lambda: (folder / "out").read_text() == "from the host", "it has written all")
        (folder / "later").write_text("later")
        assert running.exec(["cat", "/data/later"]).output == b"later"
    with container("sleep 1000").with_volume_mapping(folder, "/data") as running:
        assert running.exec(["touch", "/data/new"]).exit_code != 0


@pytest.mark.refused
def test_a_mapped_folder_that_is_not_shared() -> None:
    other = os.environ["PEER_OTHER"]
    refused = container("true").with_volume_mapping(other, "/data")
    with pytest.raises(docker.errors.APIError, match=f"“{other}” is not shared"), refused:
        pytest.fail("it has been mounted")


def test_files_are_copied_in_and_out(folder: Path) -> None:
    (folder / "given").write_text("a file\n")
    before = container("cat /in/bytes /in/given; sleep 1000")
    before.with_copy_into_container(b"some bytes ", "/in/bytes", 0o600)
    with before.with_copy_into_container(folder / "given", "/in/given") as running:
        eventually(lambda: running.get_logs()[0] == b"some bytes a file\n", "they are there at the start")
        assert running.exec(["stat", "-c", "%a", "/in/bytes"]).output == b"600\n"
        large = os.urandom(3_000_000)
        running.copy_into_container(large, "/large")
        running.copy_from_container("/large", folder / "out")
        assert (folder / "out").read_bytes() == large


def test_ports_that_are_chosen() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = container(WEB).with_env("WORD", "chosen").with_bind_ports(8000, port)
    with server.waiting_for(PortWaitStrategy(8000).with_startup_timeout(SECONDS)) as running:
        assert running.get_exposed_port(8000) == port
        assert fetched(running) == "chosen"
        second = container(WEB).with_bind_ports(8000, port)
        with pytest.raises(docker.errors.APIError, match=r"already|in use"), second:
            pytest.fail("the port is published twice")


def test_limits_and_what_goes_to_docker_as_it_is() -> None:
    limited = container("sleep 1000").with_tmpfs_mount("/scratch", "size=8m")
    limited.with_kwargs(mem_limit="64m", hostname="peer", read_only=True, cap_drop=["ALL"], init=True)
    with limited as running:
        assert running.exec(["df", "-m", "/scratch"]).output.split()[-5] == b"8"
        assert running.exec(["hostname"]).output == b"peer\n"
        assert running.exec(["touch", "/file"]).exit_code != 0
        assert running.get_wrapped_container().attrs["HostConfig"]["Memory"] == 64 << 20


# -- several ------------------------------------------------------------------------------------------------------


def test_containers_of_one_network() -> None:
    with Network() as network:
        server = web("aliased").with_network(network).with_network_aliases("pages", "again")
        with server.waiting_for(PortWaitStrategy(8000).with_startup_timeout(SECONDS)):
            with container("sleep 1000").with_network(network) as client:
                for name in ("pages", "again"):
                    asked = client.exec(["wget", "-q", "-O", "-", f"http://{name}:8000/"])
                    assert asked.output == b"aliased\n"
            with container("sleep 1000") as stranger:
                assert stranger.exec(["wget", "-q", "-O", "-", "http://pages:8000/"]).exit_code != 0


def test_an_image_is_built(folder: Path) -> None:
    (folder / "Dockerfile").write_text(
        f"FROM {IMAGE}\nARG WORD\nCOPY file /\nRUN echo $WORD >> /file\nCMD cat /file\n"
    )
    (folder / "file").write_text("of the context\n")
    with DockerImage(path=folder, buildargs={"WORD": "given"}) as image:
        assert image.get_logs()
        with DockerContainer(str(image)) as running:
            assert running.wait() == 0
            assert running.get_logs()[0] == b"of the context\ngiven\n"


def test_a_compose_project(folder: Path) -> None:
    ask = ["CMD", "wget", "-q", "-O", "-", "http://127.0.0.1:8000/"]
    served = {
        "image": IMAGE,
        "pull_policy": "never",
        "command": ["sh", "-c", WEB.replace("$", "$$")],
        "environment": {"WORD": "${WORD}"},
        "ports": ["8000"],
        "stop_signal": "KILL",
        "healthcheck": {"test": ask, "interval": "1s", "retries": 60},
    }
    (folder / "compose.yaml").write_text(json.dumps({"services": {"web": served}}))
    (folder / "words.env").write_text("WORD=composed\n")
    project = DockerCompose(folder, compose_file_name="compose.yaml", env_file="words.env")
    project.waiting_for({"web": LogMessageWaitStrategy("served").with_startup_timeout(SECONDS)})
    with project:
        host, port = project.get_service_host_and_port("web", 8000)
        with urllib.request.urlopen(f"http://{host}:{port}/", timeout=SECONDS) as reply:
            assert reply.read() == b"composed\n"
        assert project.exec_in_container(["echo", "inside"], "web") == ("inside\n", "", 0)
        assert "served" in project.get_logs("web")[0]
        assert project.get_container("web").Health == "healthy"
    assert project.get_containers(include_all=True) == []


LEFT_BEHIND = """
import os, signal
from testcontainers.core.container import DockerContainer
DockerContainer(os.environ["PEER_IMAGE"]).with_command("sleep 1000").with_name(os.environ["PEER_NAME"]).start()
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_what_a_killed_program_leaves_is_removed() -> None:
    """The reaper has the engine's socket by its path on the host, and a connection to a published port."""
    name = f"peer-left-{os.getpid()}"
    environment = {
        **os.environ,
        "PEER_NAME": name,
        "TESTCONTAINERS_RYUK_DISABLED": "false",
        "RYUK_CONTAINER_IMAGE": os.environ["PEER_REAPER"],
    }
    ended = subprocess.run(
        [sys.executable, "-c", LEFT_BEHIND], env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr
    with container("true") as running:
        client = running.get_docker_client().client
        eventually(lambda: not client.api.containers(all=True, filters={"name": name}), "it is removed")
        eventually(lambda: not client.api.containers(all=True, filters={"name": "ryuk"}), "the reaper has ended")
