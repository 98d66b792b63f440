"""Bind mounts of what is not shared: refused with the way to share it, and possible from the next try on."""

from __future__ import annotations

import itertools
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine, await_mounted
from tests.e2e.publishing import socat_archive

pytestmark = pytest.mark.machine


@pytest.fixture
def unshared(machine: RunningMachine, tmp_path: Path) -> Iterator[Path]:
    """A folder that is not shared; afterwards nothing but the session's own is."""
    folder = tmp_path / "not shared"
    folder.mkdir()
    yield folder
    machine.share()


@pytest.mark.parametrize("option", ["-v={}:/x", "--mount=type=bind,src={},dst=/x"])
def test_a_folder_that_is_not_shared(
    docker: Program, busybox: str, unshared: Path, name: str, option: str
) -> None:
    told = docker.run("run", "--rm", "--name", name, option.format(unshared), busybox, "ls", "/x")
    assert told.code == 125
    assert f"“{unshared}” is not shared" in told.err
    assert 'slipway settings set shared_folders "' in told.err
    assert "Settings, Folders" in told.err
    assert docker.run("inspect", name).code != 0  # nothing was made


def test_the_hint_is_a_command_that_shares_it(
    machine: RunningMachine, docker: Program, busybox: str, unshared: Path, shared_folder: Path
) -> None:
    told = docker.run("run", "--rm", "-v", f"{unshared}:/x", busybox, "true")
    command = shlex.split(told.err.partition("Share its folder: ")[2].partition(" (or")[0])
    assert command[0] == "slipway"
    machine.slipway(*command[1:])
    docker("run", "--rm", "-v", f"{unshared}:/x", "-v", f"{shared_folder}:/y", busybox, "true")


def test_a_container_whose_folder_is_shared_no_longer(
    machine: RunningMachine, docker: Program, busybox: str, unshared: Path, name: str
) -> None:
    """It does not start with an empty folder instead; and with its own again once that is shared again."""
    machine.share(unshared)
    await_mounted(machine)
    docker("create", "--name", name, "-v", f"{unshared}/made:/x", busybox, "touch", "/x/file")
    machine.share()
    told = docker.fails("start", "-a", name)
    assert f"“{unshared}/made” is not shared" in told.err
    machine.share(unshared)
    await_mounted(machine)
    docker("start", "-a", name)
    assert (unshared / "made" / "file").exists()


def test_what_the_machine_has_itself(docker: Program, busybox: str) -> None:
    script = "[ -S /s ] && [ -d /m ] && [ -x /a ] && [ -d /r/proc ] && echo all"
    sources = {"/var/run/docker.sock": "/s", "/lib/modules": "/m", "/usr/lib/slipway/agent": "/a", "/": "/r"}
    options = [f"-v={source}:{target}:ro" for source, target in sources.items()]
    assert docker("run", "--rm", *options, busybox, "sh", "-c", script) == "all"


def test_the_socket_that_the_docker_context_names(
    docker: Program, docker_socket: Path, busybox: str, name: str
) -> None:
    """Testcontainers and others mount it, to use the engine from inside; it is the one of the host."""
    ask = "printf 'GET /_ping HTTP/1.0\\r\\n\\r\\n' | socat -t10 - UNIX-CONNECT:{} | tail -n 1"
    script = "; ".join(ask.format(path) for path in ("/var/run/docker.sock", "/again"))
    options = (f"-v={docker_socket}:/var/run/docker.sock", f"--mount=type=bind,src={docker_socket},dst=/again")
    docker("create", "--name", name, *options, busybox, "sh", "-c", script)
    docker("cp", "-", f"{name}:/", stdin=socat_archive())
    assert docker("start", "-a", name) == "OKOK"


def test_what_both_have_is_not_the_machines(docker: Program, busybox: str) -> None:
    told = docker.run("run", "--rm", "-v", "/tmp:/x", "-v", "/etc/passwd:/y", busybox, "true")
    names = ("“/tmp”", "“/etc/passwd”")  # the docker command sends them in an order of its own
    assert any(f"{', '.join(order)} are not shared" in told.err for order in itertools.permutations(names))
    assert "cannot be shared; copy what you need to" in told.err


def test_what_is_not_there_at_all(docker: Program, busybox: str) -> None:
    told = docker.run("run", "--rm", "-v", "/no/such/folder:/x", busybox, "true")
    assert "“/no/such/folder” is not shared" in told.err
    assert "does not exist on your computer either" in told.err


def test_an_empty_folder_of_the_machines_is_not_given_instead(docker: Program, busybox: str) -> None:
    told = docker.run("run", "--rm", "-v", "/mnt:/x", busybox, "true")
    assert "“/mnt” is not shared" in told.err


def test_names_of_volumes_are_none_of_it(docker: Program, busybox: str, name: str) -> None:
    docker("run", "--rm", "-v", f"{name}:/x", busybox, "touch", "/x/file")
    assert docker("run", "--rm", "-v", f"{name}:/x", busybox, "ls", "/x") == "file"
    docker("volume", "rm", name)
