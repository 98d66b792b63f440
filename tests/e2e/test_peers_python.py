"""testcontainers (Python) against our socket: a few of its cases, or (``--run-slow``) all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cli import Program
from tests.e2e.conftest import foreign_socket
from tests.e2e.peers.python import fetch_environment, run_cases
from tests.e2e.publishing import socat_archive

pytestmark = pytest.mark.machine

QUICK_SECONDS = 300.0
ALL_SECONDS = 1800.0

REAPER = r"""#!/bin/sh
# In place of Ryuk, which cannot be had: removes what bears the label that a client names, once that is gone.
ask() {
    printf '%s %s HTTP/1.0\r\nHost: docker\r\n\r\n' "$1" "$2" | socat -t60 - UNIX-CONNECT:/var/run/docker.sock
}
if [ "$1" != session ]; then
    echo "Started!"
    exec socat -t 300 TCP-LISTEN:8080,reuseaddr,fork EXEC:"$0 session"
fi
while read -r line; do
    label=$(echo "$line" | tr -d '\r' | sed 's/^label=//; s/=/%3D/')
    echo ACK
done
[ -n "$label" ] || exit 0 # somebody has looked whether the port is open
exec >/dev/null
for id in $(ask GET "/containers/json?all=1&filters=%7B%22label%22%3A%5B%22$label%22%5D%7D" |
    grep -o '"Id":"[0-9a-f]*"' | cut -d '"' -f 4); do
    ask DELETE "/containers/$id?force=1&v=1"
done
kill 1
"""


@pytest.fixture(scope="module")
def python() -> Path:
    return fetch_environment()


@pytest.fixture
def reaper(docker: Program, busybox: str, tmp_path: Path) -> Iterator[str]:
    """The name of an image with that script."""
    folder, name = tmp_path / "reaper", "peers/reaper:latest"
    folder.mkdir()
    (folder / "socat.tar").write_bytes(socat_archive())
    (folder / "reaper").write_text(REAPER)
    (folder / "reaper").chmod(0o755)
    (folder / "Dockerfile").write_text(f'FROM {busybox}\nADD socat.tar /\nCOPY reaper /\nCMD ["/reaper"]\n')
    docker("build", "-q", "-t", name, folder)
    yield name
    docker("rmi", "-f", name)


@pytest.fixture
def environment(docker: Program, busybox: str, shared_folder: Path, tmp_path: Path) -> dict[str, str]:
    """What the cases get; testcontainers finds the engine as the docker command does, by the context."""
    (tmp_path / "other").mkdir()
    return {
        **docker.environment,
        "PEER_IMAGE": busybox,
        "PEER_SHARED": str(shared_folder),
        "PEER_OTHER": str(tmp_path / "other"),
        "TESTCONTAINERS_RYUK_DISABLED": "true",
        # where tests run in a container, testcontainers would look for the engine's ports elsewhere
        "TESTCONTAINERS_CONNECTION_MODE": "docker_host",
        "TESTCONTAINERS_HOST_OVERRIDE": "127.0.0.1",
    }


def check(results: dict[str, str], count: int) -> None:
    wrong = {name: text for name, text in results.items() if text}
    assert not wrong, "\n\n".join(f"{name}:\n{text}" for name, text in wrong.items())
    assert len(results) >= count, sorted(results)


@pytest.mark.timeout(QUICK_SECONDS * 2)
def test_the_quick_part(python: Path, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    check(run_cases(python, environment, tmp_path / "run", QUICK_SECONDS, "-m", "quick"), 3)


@pytest.mark.slow("some thirty containers with another client")
@pytest.mark.timeout(ALL_SECONDS + 60)
def test_all(python: Path, environment: dict[str, str], reaper: str, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    given = {**environment, "PEER_REAPER": reaper}
    options = ("-m", "not refused") if foreign_socket() else ()
    check(run_cases(python, given, tmp_path / "run", ALL_SECONDS, *options), 18)
