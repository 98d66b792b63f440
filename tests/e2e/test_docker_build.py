"""``docker build`` with BuildKit: its sessions travel as h2c inside the one socket."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cli import Program
from tests.e2e.registry import Registry

pytestmark = pytest.mark.machine


@pytest.fixture
def context(tmp_path: Path) -> Path:
    folder = tmp_path / "context"
    folder.mkdir()
    return folder


@pytest.fixture
def tag(docker: Program, name: str) -> Iterator[str]:
    """A name for the built image, which is removed afterwards."""
    yield f"{name}:built"
    docker.run("rmi", "-f", f"{name}:built")


def test_buildkit_builds(docker: Program, busybox: str, context: Path, tag: str) -> None:
    """A build context of some megabytes, several stages, arguments, and the result runs."""
    data = hashlib.shake_256(b"context").digest(4 * 1024 * 1024)
    (context / "data").write_bytes(data)
    (context / "ignored").write_text("not for the engine")
    (context / ".dockerignore").write_text("ignored\n")
    (context / "Dockerfile").write_text(
        f"""FROM {busybox} AS made
ARG COLOUR=none
COPY . /context
RUN sha256sum < /context/data > /sum && ls -A /context > /list && echo $COLOUR > /colour

FROM scratch
COPY --from=made /bin /bin
COPY --from=made /sum /list /colour /
CMD ["/bin/cat", "/sum", "/list", "/colour"]
"""
    )
    result = docker.run("build", "--progress", "plain", "--build-arg", "COLOUR=blue", "-t", tag, context)
    assert result.code == 0, f"\n{result}"
    assert "load build context" in result.err, "this was not BuildKit"
    lines = docker("run", "--rm", tag).splitlines()
    assert lines[0].split()[0] == hashlib.sha256(data).hexdigest()
    assert sorted(lines[1:-1]) == [".dockerignore", "Dockerfile", "data"]
    assert lines[-1] == "blue"
    again = docker.run("build", "--progress", "plain", "--build-arg", "COLOUR=blue", "-t", tag, context)
    assert "CACHED" in again.err


def test_a_secret_comes_through_the_session(docker: Program, busybox: str, context: Path, tag: str) -> None:
    (context / "Dockerfile").write_text(
        f"FROM {busybox}\nRUN --mount=type=secret,id=word tr a-z A-Z < /run/secrets/word > /upper\n"
    )
    (context / "word").write_text("hush")
    docker("build", "-q", "--secret", f"id=word,src={context / 'word'}", "-t", tag, context)
    assert docker("run", "--rm", tag, "cat", "/upper") == "HUSH"
    assert docker.run("run", "--rm", tag, "ls", "/run/secrets/word").code != 0


def test_results_come_back_as_files(docker: Program, busybox: str, context: Path, tmp_path: Path) -> None:
    """``--output``: the session carries files from the engine to the host."""
    (context / "Dockerfile").write_text(
        f"FROM {busybox} AS made\nRUN echo built > /result\nFROM scratch\nCOPY --from=made /result /\n"
    )
    docker("build", "--output", f"type=local,dest={tmp_path / 'out'}", context)
    assert (tmp_path / "out" / "result").read_text() == "built\n"


def test_base_from_a_registry(
    docker: Program, busybox: str, registry: Registry, context: Path, tag: str, name: str
) -> None:
    base = f"{registry.address}/{name}:base"
    docker("tag", busybox, base)
    docker("push", base)
    docker("rmi", base)
    (context / "Dockerfile").write_text(f"FROM {base}\nRUN echo on > /top\n")
    docker("build", "-q", "-t", tag, context)
    assert docker("run", "--rm", tag, "cat", "/top") == "on"


def test_a_failing_step_fails_the_build(docker: Program, busybox: str, context: Path) -> None:
    (context / "Dockerfile").write_text(f"FROM {busybox}\nRUN echo before && exit 33\n")
    result = docker.fails("build", "--progress", "plain", context)
    assert "exit code: 33" in result.err


def test_the_dockerfile_from_stdin(docker: Program, busybox: str, tag: str) -> None:
    docker("build", "-q", "-t", tag, "-", stdin=f"FROM {busybox}\nRUN echo piped > /how\n")
    assert docker("run", "--rm", tag, "cat", "/how") == "piped"
