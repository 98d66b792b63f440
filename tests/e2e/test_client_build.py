"""The client's BuildKit builds against the real engine: what is sent, failing, cancelling."""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from engine.client import EngineClient
from engine.client.build.build import Build
from engine.client.build.trace import Trace
from engine.client.errors import ProgressError
from tests.e2e.cli import Program

pytestmark = pytest.mark.machine

IGNORED = """# a comment
*.log
!kept.log
build
!build/keep
**/*.tmp
/docs/[a-c]*.md
deep/**/secret
"""

FILES = (
    *("a.log", "kept.log", "sub/b.log", "build/x", "build/keep/y", "build/keep/z.tmp", "x.tmp", "sub/more/x.tmp"),
    *("docs/a.md", "docs/d.md", "docs/sub/a.md", "deep/secret", "deep/er/secret/file", "deep/er/open", "a b/c d"),
)


@pytest.fixture
async def engine(docker_socket: Path) -> AsyncIterator[EngineClient]:
    async with EngineClient(docker_socket) as client:
        yield client


@pytest.fixture
def tag(docker: Program, name: str) -> Iterator[str]:
    yield f"{name}:built"
    docker.run("rmi", "-f", f"{name}:built")


async def test_it_sends_what_the_docker_command_sends(
    engine: EngineClient, docker: Program, busybox: str, tmp_path: Path, tag: str
) -> None:
    for path in FILES:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(path)
    (tmp_path / "link").symlink_to("docs/d.md")
    os.link(tmp_path / "docs/d.md", tmp_path / "hard")
    (tmp_path / "run.sh").write_text("echo")
    (tmp_path / "run.sh").chmod(0o750)
    (tmp_path / ".dockerignore").write_text(IGNORED)
    (tmp_path / "Dockerfile").write_text(f"FROM {busybox}\nCOPY . /context\n")
    script = "cd /context; find . -print0 | xargs -0 stat -c '%n %a %u %F %s' | sort"
    listing = ("run", "--rm", tag, "sh", "-c", script)
    docker("build", "-q", "-t", tag, tmp_path)
    wanted = docker(*listing)
    docker("rmi", tag)
    async for _ in engine.images.build(Build(tmp_path, (tag,), cache=False)):
        pass
    assert docker(*listing) == wanted
    assert "./kept.log" in wanted
    assert "./build/x" not in wanted


async def test_a_failing_step(engine: EngineClient, busybox: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(f"FROM {busybox}\nRUN echo before && exit 33\n")
    traces: list[Trace] = []

    async def gather() -> None:
        async for trace in engine.images.build(Build(tmp_path)):
            traces.append(trace)

    with pytest.raises(ProgressError, match="exit code: 33"):
        await gather()
    assert any("exit code: 33" in vertex.error for trace in traces for vertex in trace.vertexes)
    assert any(piece.text == "before\n" for trace in traces for piece in trace.outputs)


async def test_cancelling_ends_it_in_the_engine(
    engine: EngineClient, docker: Program, busybox: str, tmp_path: Path
) -> None:
    seconds = str(100_000 + uuid.uuid4().int % 100_000)
    (tmp_path / "Dockerfile").write_text(f"FROM {busybox}\nRUN echo begun; sleep {seconds}\n")
    watch = ("run", "--rm", "--pid=host", busybox, "ps")
    async with aclosing(engine.images.build(Build(tmp_path, cache=False))) as source:
        async for trace in source:
            if any("begun" in piece.text for piece in trace.outputs):
                assert f"sleep {seconds}" in docker(*watch)
                break
    end = time.monotonic() + 30
    while f"sleep {seconds}" in docker(*watch):
        assert time.monotonic() < end, "it goes on in the engine"
        await asyncio.sleep(0.5)


async def test_stages_and_a_big_file(engine: EngineClient, docker: Program, tmp_path: Path, tag: str) -> None:
    (tmp_path / "sub").mkdir()
    with (tmp_path / "big").open("wb") as big:
        big.truncate(40 * 2**20)
    lines = ("FROM scratch AS first", "COPY big /big", "FROM scratch", "COPY sub /sub")
    (tmp_path / "sub" / "Dockerfile").write_text("\n".join(lines))
    build = Build(tmp_path, (tag,), dockerfile="sub/Dockerfile", target="first")
    traces = [trace async for trace in engine.images.build(build)]
    assert max(trace.sent for trace in traces) > 40 * 2**20
    assert json.loads(docker("image", "inspect", "-f", "{{json .Size}}", tag)) == 40 * 2**20
