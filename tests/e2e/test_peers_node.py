"""dockerode and testcontainers for Node against our socket: a few of them, or (``--run-slow``) all.

All pass on a plain dockerd. What has to fail here is in peers/differences.toml, with the line of README.md for it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from installers.checkout import system
from tests.e2e.cli import Program
from tests.e2e.conftest import foreign_socket
from tests.e2e.dockerpy.verdict import Result
from tests.e2e.peers.differences import compare, read_differences
from tests.e2e.peers.node import HERE, NodeClients, fetch_clients, run_tests
from tests.e2e.peers.programs import socat_image
from tests.e2e.peers.restored import restored
from tests.e2e.registry import Registry

pytestmark = pytest.mark.machine

QUICK_SECONDS = 300.0
ALL_SECONDS = 1800.0

QUICK = {
    "dockerode/streams.test.js": "end of standard input|hijacked stream|resized while|abort ends logs",
    "testcontainers/testcontainers.test.js": "for a port that listens|of the home folder",
}
"""What always runs: the streams where a relay could go wrong, a published port, a shared folder."""


@pytest.fixture(scope="module")
def clients() -> NodeClients:
    return fetch_clients()


@pytest.fixture(scope="module")
def environment(
    docker_socket: Path,
    docker: Program,
    docker_config: Path,
    busybox: str,
    shared_folder: Path,
    registry: Registry,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, str]]:
    """Where the engine is, and the folders that its containers can and cannot mount."""
    program = system.find_program("docker")
    assert program, "the docker command line is missing: python3 installers/dev.py setup"
    with tempfile.TemporaryDirectory(prefix="slipway-peers-", dir=Path.home()) as home, restored(docker):
        yield {
            "DOCKER_HOST": f"unix://{docker_socket}",
            "DOCKER_CONFIG": str(docker_config),
            "HOME": str(tmp_path_factory.mktemp("home")),
            "PATH": os.pathsep.join((str(Path(program).parent), os.environ["PATH"])),
            "PEERS_HOME": home,
            "PEERS_IMAGE": busybox,
            "PEERS_REGISTRY": registry.address,
            "PEERS_SOCAT_IMAGE": socat_image(docker, busybox),
            "PEERS_SHARED": str(shared_folder),
            "PEERS_UNSHARED": str(tmp_path_factory.mktemp("unshared")),
            # in a container itself, it would look for the engine's ports at the gateway of its network
            "TESTCONTAINERS_HOST_OVERRIDE": "127.0.0.1",
            # its image is in the public registry only; these tests remove what they make
            "TESTCONTAINERS_RYUK_DISABLED": "true",
        }


def check(
    clients: NodeClients,
    environment: dict[str, str],
    folder: Path,
    seconds: float,
    files: tuple[str, ...],
    pattern: str = "",
) -> dict[str, Result]:
    """Run, and fail unless everything is as it has to be; what was run."""
    results = run_tests(clients, files, environment, folder, seconds, pattern)
    for test, result in sorted(results.items()):
        print(f"{result.outcome:7} {result.seconds:6.1f} s  {test}")
    wrong = compare(results, {} if foreign_socket() else read_differences())
    assert not wrong, f"{len(wrong)} of {len(results)} not as on a plain dockerd:\n\n" + "\n\n".join(wrong)
    return results


@pytest.mark.timeout(QUICK_SECONDS * 2)
@pytest.mark.parametrize("file", QUICK)
def test_the_quick_part(clients: NodeClients, environment: dict[str, str], tmp_path: Path, file: str) -> None:
    results = check(clients, environment, tmp_path, QUICK_SECONDS, (file,), QUICK[file])
    assert len(results) >= 2


@pytest.mark.slow("70 tests by dockerode, ten minutes")
@pytest.mark.timeout(ALL_SECONDS * 2)
def test_dockerode(clients: NodeClients, environment: dict[str, str], tmp_path: Path) -> None:
    files = tuple(f"dockerode/{path.name}" for path in sorted((HERE / "dockerode").glob("*.test.js")))
    results = check(clients, environment, tmp_path, ALL_SECONDS, files)
    assert len(results) >= 66
    strangers = {test for test in read_differences() if test.startswith("dockerode/")} - set(results)
    assert not strangers, f"differences.toml names tests that do not exist: {sorted(strangers)}"


@pytest.mark.slow("images are built and a compose project is started, minutes")
@pytest.mark.timeout(ALL_SECONDS * 2)
def test_testcontainers(clients: NodeClients, environment: dict[str, str], tmp_path: Path) -> None:
    results = check(clients, environment, tmp_path, ALL_SECONDS, ("testcontainers/testcontainers.test.js",))
    assert len(results) >= 19
