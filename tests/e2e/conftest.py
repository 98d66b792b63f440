"""One machine for the whole session, started and stopped as a user would, and what the tests need around it."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from installers.checkout import fetch, system
from tests.e2e import images
from tests.e2e.cli import Program, venv_program
from tests.e2e.leftovers import assert_nothing_left
from tests.e2e.registry import Registry, running_registry
from tests.localhost import free_port
from vm.host import host
from vm.virtiofs import find

FOREIGN_SOCKET = "SLIPWAY_TEST_SOCKET"
"""Names the socket of another dockerd to run against (see the package's docstring)."""

FOREIGN_LOOPBACK = "SLIPWAY_TEST_LOOPBACK"
"""How that dockerd calls the host's loopback, where the registry is; 127.0.0.1 unless it is set."""

START_SECONDS = 1200.0
"""A first start builds the image and, without working virtualisation, boots in emulation."""

BUSYBOX = "slipway/busybox:latest"


def foreign_socket() -> Path | None:
    """The other dockerd's socket, when the suite is to run against that."""
    value = os.environ.get(FOREIGN_SOCKET)
    return Path(value) if value else None


CARRIERS = ("virtiofs", "sftp")

MOUNT_SECONDS = 60.0
"""Within which a shared folder is there, or there again."""


@dataclass(frozen=True)
class RunningMachine:
    """The session's machine.

    :ivar slipway: runs Slipway's command line on it.
    :ivar shared: the folders that were shared when it was started, besides the home folder.
    :ivar agent: the SSH agent's socket as Slipway knows it; there is no agent unless a test starts one.
    """

    home: Path
    socket: Path
    slipway: Program
    shared: tuple[Path, ...] = ()
    agent: Path = Path()

    def share(self, *more: Path) -> None:
        """Share these as well, and no others."""
        self.slipway("settings", "set", "shared_folders", ":".join(map(str, (*self.shared, *more))))


def await_mounted(machine: RunningMachine) -> list[dict[str, str]]:
    """Wait until every folder is mounted; return their reports."""
    deadline = time.monotonic() + MOUNT_SECONDS
    while True:
        found: list[dict[str, str]] = json.loads(machine.slipway("folders", "--json"))
        if found and all(item["state"] == "mounted" for item in found):
            return found
        assert time.monotonic() < deadline, found
        time.sleep(0.2)


def carrier_of(machine: RunningMachine, folder: Path) -> str:
    """What carries a folder."""
    return next(item["carrier"] for item in await_mounted(machine) if item["folder"] == str(folder))


@pytest.fixture(scope="session")
def slipway_home() -> Iterator[Path]:
    """A home of the session's own with a short path (sockets!); the image cache stays the user's."""
    home = Path(tempfile.mkdtemp(prefix="slipway-", dir="/tmp")).resolve()
    yield home
    shutil.rmtree(home)


@pytest.fixture(scope="session")
def docker_config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A configuration folder for the docker CLI; it also says where the plugins the bootstrap fetched are."""
    folder = tmp_path_factory.mktemp("docker-config")
    plugins = fetch.docker_folder() / fetch.PLUGINS
    (folder / "config.json").write_text(json.dumps({"cliPluginsExtraDirs": [str(plugins)]}))
    return folder


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """A registry on the host, which the engine trusts without TLS."""
    guest_host = os.environ.get(FOREIGN_LOOPBACK, "127.0.0.1") if foreign_socket() else "10.0.2.2"
    with running_registry(tmp_path_factory.mktemp("registry"), free_port(), guest_host) as running:
        yield running


@pytest.fixture(scope="session")
def shared_folder() -> Iterator[Path]:
    """A folder outside the home folder whose contents containers can mount."""
    with tempfile.TemporaryDirectory(prefix="slipway-shared-", dir="/tmp") as folder:
        yield Path(folder).resolve()


@pytest.fixture(scope="session")
def spare_folder() -> Iterator[Path]:
    """Another one, whose place one test gives to another folder."""
    with tempfile.TemporaryDirectory(prefix="slipway-spare-", dir="/tmp") as folder:
        yield Path(folder).resolve()


@pytest.fixture(scope="session")
def agent_socket() -> Iterator[Path]:
    """The path at which Slipway looks for the SSH agent."""
    with tempfile.TemporaryDirectory(prefix="slipway-agent-", dir="/tmp") as folder:
        yield Path(folder).resolve() / "agent"


@pytest.fixture(scope="session")
def small_disk() -> Iterator[Path]:
    """A folder that is shared, and a disk of 4 MB where this user may mount one."""
    with tempfile.TemporaryDirectory(prefix="slipway-small-", dir="/tmp") as name:
        folder = Path(name).resolve()
        mounting = ["mount", "-t", "tmpfs", "-o", "size=4m", "small", str(folder)]
        mounted = os.geteuid() == 0 and subprocess.run(mounting, check=False).returncode == 0
        yield folder
        if mounted and folder.is_mount():
            subprocess.run(["umount", "-l", folder], check=True)


@pytest.fixture(scope="session")
def machine(
    slipway_home: Path,
    shared_folder: Path,
    spare_folder: Path,
    small_disk: Path,
    docker_config: Path,
    agent_socket: Path,
    registry: Registry,
) -> Iterator[RunningMachine]:
    """The machine, started with ``slipway start`` and stopped with ``slipway stop``; nothing may be left of it."""
    if foreign_socket():
        pytest.skip(f"{FOREIGN_SOCKET} is set: there is no machine of ours to look at")
    environment = {
        "SLIPWAY_HOME": str(slipway_home),
        "DOCKER_CONFIG": str(docker_config),
        "SSH_AUTH_SOCK": str(agent_socket),
    }
    slipway = Program((str(venv_program("slipway")),), environment)
    daemon = {"insecure-registries": [registry.address]}
    slipway("settings", "set", "daemon", json.dumps(daemon))
    shared = (shared_folder, spare_folder, small_disk)
    running = RunningMachine(slipway_home, slipway_home / "run" / "docker.sock", slipway, shared, agent_socket)
    running.share()
    try:
        slipway("start", timeout=START_SECONDS)
        yield running
    finally:
        stopped = slipway.run("stop", timeout=300)
    assert stopped.code == 0, f"\n{stopped}"
    assert_nothing_left(slipway_home)


@pytest.fixture(scope="module")
def late_folder(machine: RunningMachine) -> Iterator[Path]:
    """A folder that is shared while the machine runs, so that SFTP carries it."""
    with tempfile.TemporaryDirectory(prefix="slipway-late-", dir="/tmp") as name:
        folder = Path(name).resolve()
        machine.share(folder)
        await_mounted(machine)
        yield folder
        machine.share()


@pytest.fixture(params=CARRIERS)
def carried_folder(request: pytest.FixtureRequest, machine: RunningMachine, shared_folder: Path) -> Path:
    """A shared folder, by each of the ways there are here."""
    folder: Path = shared_folder if request.param == "virtiofs" else request.getfixturevalue("late_folder")
    if request.param == "virtiofs" and find(host())[0] is None:
        pytest.skip(find(host())[1])
    assert carrier_of(machine, folder) == request.param
    return folder


@pytest.fixture(scope="session")
def docker_socket(request: pytest.FixtureRequest) -> Path:
    """The engine's socket: our machine's, or the other dockerd's."""
    foreign = foreign_socket()
    if foreign:
        return foreign
    running: RunningMachine = request.getfixturevalue("machine")
    return running.socket


@pytest.fixture(scope="session")
def docker(docker_socket: Path, docker_config: Path) -> Program:
    """The docker CLI, through the context Slipway made (or straight at the other dockerd)."""
    program = system.find_program("docker")
    assert program, "the docker command line is missing: python3 installers/dev.py setup"
    where = {"DOCKER_HOST": f"unix://{docker_socket}"} if foreign_socket() else {"DOCKER_CONTEXT": "slipway"}
    cleared = {
        name: "" for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_DEFAULT_PLATFORM") if name in os.environ
    }
    return Program(
        (program,), {**cleared, **where, "DOCKER_CONFIG": str(docker_config), "DOCKER_CLI_HINTS": "false"}
    )


@pytest.fixture(scope="session")
def busybox_programs() -> dict[str, Path]:
    """Architecture → a static busybox for it: the host's own, and the one the bootstrap fetched."""
    native, foreign = system.find_static_busybox(), fetch.foreign_busybox()
    assert native, "busybox-static is missing: python3 installers/dev.py setup"
    assert foreign.exists(), f"{foreign} is missing: python3 installers/dev.py setup"
    arch = host().arch.value
    return {arch: native, fetch.FOREIGN[arch]: foreign}


@pytest.fixture(scope="session")
def busybox_archives(
    busybox_programs: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[Path, str]]:
    """Architecture → an archive for ``docker load`` and the image's name in it."""
    folder = tmp_path_factory.mktemp("images")
    own = host().arch.value
    links = images.applets(busybox_programs[own])
    made = {}
    for arch, program in busybox_programs.items():
        name = BUSYBOX if arch == own else f"slipway/busybox-{arch}:latest"
        images.write_archive(folder / f"{arch}.tar", images.busybox_layer(program, links), arch, name)
        made[arch] = (folder / f"{arch}.tar", name)
    return made


@pytest.fixture(scope="session")
def busybox(docker: Program, busybox_archives: dict[str, tuple[Path, str]]) -> str:
    """The name of a small image, loaded through the socket."""
    archive, name = busybox_archives[host().arch.value]
    assert f"Loaded image: {name}" in docker("load", "-i", archive)
    return name


@pytest.fixture(scope="session")
def foreign_image(docker: Program, busybox_archives: dict[str, tuple[Path, str]]) -> str:
    """The same image for the architecture that the host does not have."""
    archive, name = busybox_archives[fetch.FOREIGN[host().arch.value]]
    assert f"Loaded image: {name}" in docker("load", "-i", archive)
    return name


@pytest.fixture
def name(docker: Program) -> Iterator[str]:
    """A unique name; the container of that name is removed afterwards."""
    unique = f"t-{uuid.uuid4().hex[:10]}"
    yield unique
    docker.run("rm", "-f", "-v", unique)
