"""A full disk on the host: nothing is begun on one, and a running machine is paused until there is space again."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from installers.checkout import system
from tests.e2e import wire
from tests.e2e.cli import Program, venv_program
from tests.e2e.conftest import START_SECONDS
from tests.e2e.leftovers import assert_nothing_left
from vm.host import host

pytestmark = [
    pytest.mark.machine,
    pytest.mark.skipif(
        not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can mount a file system that is small"
    ),
]

SMALL = Callable[[str], Path]


@pytest.fixture
def small() -> Iterator[SMALL]:
    """Makes a small file system and gives the folder it is mounted at; ``remount`` changes its size."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-", dir="/tmp")).resolve()
    mounted = False

    def make(size: str) -> Path:
        nonlocal mounted
        options = f"size={size}" + (",remount" if mounted else "")
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder], capture_output=True)
        if done.returncode != 0 and not mounted:
            pytest.skip(f"a file system cannot be mounted here: {done.stderr.decode().strip()}")
        assert done.returncode == 0, done.stderr
        mounted = True
        return folder

    yield make
    if mounted:
        subprocess.run(["umount", folder], check=True)
    folder.rmdir()


@pytest.fixture
def slipway(small: SMALL, tmp_path: Path) -> Iterator[Program]:
    home = small("20m") / "s"
    program = Program((str(venv_program("slipway")),), {"SLIPWAY_HOME": str(home), "DOCKER_CONFIG": str(tmp_path)})
    yield program
    assert program.run("stop", timeout=120).code == 0
    assert_nothing_left(home)


def status(slipway: Program) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(slipway.run("status", "--json").out)
    return told


def await_state(slipway: Program, state: str, seconds: float) -> dict[str, Any]:
    end = time.monotonic() + seconds
    while (told := status(slipway))["state"] != state:
        assert time.monotonic() < end, told
        time.sleep(0.3)
    return told


def test_nothing_is_begun_on_a_full_disk(slipway: Program) -> None:
    failed = slipway.fails("start", timeout=START_SECONDS)
    assert failed.code == 1
    assert "free" in failed.err
    told = status(slipway)
    assert told["state"] == "failed"
    assert told["failure"]["hint"]


def test_a_running_machine_is_held_and_goes_on(
    slipway: Program, small: SMALL, tmp_path: Path, busybox_archives: dict[str, tuple[Path, str]]
) -> None:
    """The write that finds no space waits inside the machine; when there is space it succeeds, unharmed."""
    small("700m")
    slipway("start", timeout=START_SECONDS)
    program = system.find_program("docker")
    assert program
    socket = Path(slipway.environment["SLIPWAY_HOME"]) / "run" / "docker.sock"
    docker = Program((program,), {"DOCKER_HOST": f"unix://{socket}", "DOCKER_CONFIG": str(tmp_path)})
    archive, image = busybox_archives[host().arch.value]
    docker("load", "-i", archive)
    kept = wire.Raw(wire.connect_unix(socket, 30))  # as the docker command and others keep theirs
    kept.send(b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n")
    kept.head()
    assert kept.exactly(2) == b"OK"
    script = "dd if=/dev/urandom of=/v/big bs=1M count=900 2>/dev/null; sync; sha256sum </v/big; sleep 100000"
    docker("run", "-d", "--name", "writer", "-v", "data:/v", image, "sh", "-c", script)
    told = await_state(slipway, "paused", 180)
    assert "full" in told["failure"]["message"]
    assert "then resumes" in told["failure"]["hint"]
    refused = docker.fails("ps", timeout=60)
    assert "full" in refused.err
    with kept:
        kept.send(b"POST /containers/create HTTP/1.1\r\nHost: docker\r\nContent-Length: 2\r\n\r\n{}")
        assert kept.head().startswith(b"HTTP/1.1 503 ")
    small("3g")
    await_state(slipway, "running", 30)
    end = time.monotonic() + 300
    while not (written := docker("logs", "writer")):
        assert time.monotonic() < end
        time.sleep(1)
    slipway("shell", "--", "sh", "-c", "echo 3 >/proc/sys/vm/drop_caches")
    assert docker("exec", "writer", "sh", "-c", "sha256sum </v/big", timeout=300) == written
