"""What the machine caches of a watched tree: longer than a moment, and nothing that is out of date."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine, await_mounted, carrier_of
from tests.e2e.serving import server, sftp_daemon, silent

pytestmark = pytest.mark.machine

MOMENT_SECONDS = 1.2
"""Longer than what is not leased is believed."""

ANSWER_SECONDS = 4.0
"""For a container that need not ask; the server is woken when it does not answer for longer."""

YOUNG_SECONDS = 2.5
"""What has changed since then is not believed; what has not is, if the next change is not told."""

SOON_SECONDS = 12.0
"""Shorter than what is left of a lease at any time."""

ONLY_VIRTIOFS = pytest.mark.parametrize("carried_folder", ["virtiofs"], indirect=True)


@pytest.fixture
def folder(carried_folder: Path, request: pytest.FixtureRequest) -> Path:
    path = carried_folder / str(request.node.name).replace("[", "-").replace("]", "")
    path.mkdir()
    return path


@pytest.fixture
def file(folder: Path) -> Path:
    path = folder / "file"
    path.write_text("old")
    return path


class Looker:
    """A container that has mounted the folder at /m, and looks at what is in there."""

    def __init__(self, machine: RunningMachine, docker: Program, folder: Path, name: str) -> None:
        self.machine, self.docker, self.folder, self.name = machine, docker, folder, name

    def size(self, name: str) -> int:
        return int(self.docker("exec", self.name, "stat", "-c", "%s", f"/m/{name}"))

    def sees(self, name: str, size: int) -> None:
        """Within a moment, whatever it has believed."""
        script = f'until [ "$(stat -c %s /m/{name})" = {size} ]; do usleep 20000; done'
        began = time.monotonic()
        self.docker("exec", self.name, "sh", "-c", script)
        assert time.monotonic() - began < 10

    def caches(self, name: str) -> bool:
        """Whether it still answers without asking the host, after a moment."""
        shared = next(parent for parent in self.folder.parents if parent.parent == Path("/tmp").resolve())
        by_sftp = carrier_of(self.machine, shared) == "sftp"
        before = self.size(name)
        time.sleep(MOMENT_SECONDS)
        with silent(sftp_daemon(self.machine.home) if by_sftp else server(self.machine.home, shared)):
            asking = self.docker.start("exec", self.name, "stat", "-c", "%s", f"/m/{name}")
            try:
                said, _ = asking.communicate(timeout=ANSWER_SECONDS)
            except subprocess.TimeoutExpired:
                said = ""
        asking.communicate(timeout=60)
        return said.strip() == str(before)

    def comes_to_cache(self, name: str) -> None:
        deadline = time.monotonic() + 60
        while not self.caches(name):
            assert time.monotonic() < deadline, f"{name} is asked for again and again"


@pytest.fixture
def looker(machine: RunningMachine, docker: Program, busybox: str, folder: Path, name: str) -> Iterator[Looker]:
    docker("run", "-d", "--name", name, "-v", f"{folder}:/m", busybox, "sleep", "1000")
    yield Looker(machine, docker, folder, name)
    docker("rm", "-f", name)


def test_believed_until_it_changes(looker: Looker, file: Path) -> None:
    looker.comes_to_cache("file")
    for size in (10, 20):
        file.write_text("x" * size)
        looker.sees("file", size)
    looker.comes_to_cache("file")
    replaced = file.with_name("other")
    replaced.write_text("x" * 30)
    replaced.rename(file)
    looker.sees("file", 30)
    looker.comes_to_cache("file")
    file.unlink()
    looker.docker("exec", looker.name, "sh", "-c", "while [ -e /m/file ]; do usleep 20000; done", timeout=10)


def test_listings(looker: Looker, file: Path) -> None:
    """The kernel keeps them as well."""
    looker.comes_to_cache("file")
    names = {"file"}
    for number in range(6):
        assert set(looker.docker("exec", looker.name, "ls", "/m").split()) == names
        file.with_name(str(number)).touch()
        names.add(str(number))
        if number % 2:
            names.remove(str(number - 1))
            file.with_name(str(number - 1)).unlink()
        listed = f'until [ "$(ls /m | sort | xargs)" = "{" ".join(sorted(names))}" ]; do usleep 20000; done'
        looker.docker("exec", looker.name, "sh", "-c", listed, timeout=20)
        if number % 3 == 0:
            time.sleep(YOUNG_SECONDS)


def test_a_file_with_other_names_is_not_believed(looker: Looker, file: Path) -> None:
    twice = file.with_name("twice")
    twice.write_text("old")
    os.link(twice, file.with_name("again"))
    looker.comes_to_cache("file")
    assert not looker.caches("twice")


def test_another_container(looker: Looker, docker: Program, busybox: str, file: Path) -> None:
    """Between two containers the folder is not watched."""
    for size in (10, 20, 30):
        looker.comes_to_cache("file")
        docker("rm", "-f", looker.name)
        file.write_text("x" * size)
        mount = ("-v", f"{looker.folder}:/m", busybox)
        assert docker("run", "--rm", *mount, "stat", "-c", "%s", "/m/file") == str(size)
        docker("run", "-d", "--name", looker.name, *mount, "sleep", "1000")


@ONLY_VIRTIOFS  # by SFTP nothing is seen until there is another one, which takes as long
def test_the_supervisor_is_killed(looker: Looker, file: Path) -> None:
    """A change made before the next one starts is not reported, and seen all the same."""
    looker.comes_to_cache("file")
    script = 'until [ "$(stat -c %s /m/file)" = 7 ]; do usleep 100000; done; touch /m/seen'
    looker.docker("exec", "-d", looker.name, "sh", "-c", script)
    os.kill(int((looker.machine.home / "run" / "supervisor.lock").read_text()), 9)
    file.write_text("changed")
    end = time.monotonic() + SOON_SECONDS
    while not file.with_name("seen").exists():
        assert time.monotonic() < end, "it is believed to be as it was"
        time.sleep(0.1)
    looker.machine.slipway.run("status")  # which starts another one
    await_mounted(looker.machine)
    looker.comes_to_cache("file")


@ONLY_VIRTIOFS  # looking at so many takes longer by SFTP than what is believed would last
def test_many_changes_at_once(looker: Looker, file: Path) -> None:
    many = [file.with_name(f"{number}") for number in range(1500)]
    for path in many:
        path.write_text("old")
    looker.comes_to_cache("file")
    command = ("exec", looker.name, "sh", "-c", "stat -c %s /m/* | sort | uniq -c")
    assert looker.docker(*command).split() == ["1501", "3"]
    for path in many:
        path.write_text("newer")
    end = time.monotonic() + SOON_SECONDS
    while looker.docker(*command).split() != ["1", "3", "1500", "5"]:
        assert time.monotonic() < end, "some are believed to be as they were"
