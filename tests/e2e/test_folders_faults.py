"""Shared folders when something goes wrong: each fault is made for real, and no data is mixed up."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import paramiko
import psutil
import pytest

from engine.folders import Share
from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine

pytestmark = pytest.mark.machine

BACK = 60.0
"""Seconds within which a folder is there again."""


@pytest.fixture
def folder(shared_folder: Path, request: pytest.FixtureRequest, machine: RunningMachine) -> Path:
    path = shared_folder / str(request.node.name)
    path.mkdir()
    return path


def mounted(machine: RunningMachine) -> None:
    """Wait until every folder is carried."""
    deadline = time.monotonic() + BACK
    while True:
        states = [line.split()[-1] for line in machine.slipway("folders").splitlines()[1:]]
        if states and set(states) == {"mounted"}:
            return
        assert time.monotonic() < deadline, states
        time.sleep(0.2)


def grows(path: Path, above: int) -> None:
    deadline = time.monotonic() + BACK
    while path.stat().st_size <= above:
        assert time.monotonic() < deadline, f"nothing is added to {path}"
        time.sleep(0.05)


def keeper(home: Path) -> psutil.Process:
    (found,) = [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(home / "run" / "folders.sock") in (process.info["cmdline"] or [])
    ]
    return found


def test_the_supervisor_is_killed_while_a_container_writes(
    machine: RunningMachine, docker: Program, busybox: str, folder: Path, name: str
) -> None:
    """The container's file stays open; what it writes meanwhile waits; nothing is lost or doubled."""
    script = "exec 3>/m/log; i=0; while :; do echo $i >&3; i=$((i+1)); done"
    docker("run", "-d", "--name", name, "-v", f"{folder}:/m", busybox, "sh", "-c", script)
    log = folder / "log"
    while not log.exists():
        time.sleep(0.05)
    for _ in range(2):
        grows(log, log.stat().st_size)
        os.kill(int((machine.home / "run" / "supervisor.lock").read_text()), 9)
        machine.slipway.run("status")  # which starts another one
        mounted(machine)
    grows(log, log.stat().st_size)
    docker("rm", "-f", name)
    lines = log.read_text().split("\n")
    assert lines[:-1] == [str(number) for number in range(len(lines) - 1)]


def test_the_server_is_killed(
    machine: RunningMachine, docker: Program, busybox: str, folder: Path, name: str
) -> None:
    """Its open files are lost: they give errors, never another file's data. Everything else goes on."""
    (folder / "one").write_text("one")
    script = (
        "exec 3</m/one; touch /m/ready; until [ -e /m/go ]; do usleep 100000; done; cat <&3 && exit 9; cat /m/two"
    )
    docker("run", "-d", "--name", name, "-v", f"{folder}:/m", busybox, "sh", "-c", script)
    while not (folder / "ready").exists():
        time.sleep(0.05)
    keeper(machine.home).kill()
    mounted(machine)
    (folder / "two").write_text("another")
    (folder / "go").touch()
    assert docker("wait", name) == "0"
    assert docker("logs", name).strip() == "another"


def test_the_folder_goes_and_comes_back(docker: Program, busybox: str, folder: Path, name: str) -> None:
    inner = folder / "inner"
    inner.mkdir()
    (inner / "file").write_text("here")
    docker("run", "-d", "--name", name, "-v", f"{inner}:/m", busybox, "sleep", "1000")
    assert docker("exec", name, "cat", "/m/file") == "here"
    inner.rename(folder / "elsewhere")
    time.sleep(1.2)
    assert "No such file" in docker.fails("exec", name, "cat", "/m/file").err
    (folder / "elsewhere").rename(inner)
    time.sleep(1.2)
    assert docker("exec", name, "cat", "/m/file") == "here"
    docker("exec", name, "sh", "-c", "echo there >/m/new")
    assert (inner / "new").read_text() == "there\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk")
def test_this_computers_disk_is_full(docker: Program, busybox: str, folder: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "small", folder], check=True)
    try:
        script = "dd if=/dev/zero of=/m/large bs=64k count=100"
        full = docker.fails("run", "--rm", "-v", f"{folder}:/m", busybox, "sh", "-c", script)
        assert "No space left on device" in full.err
        script = "rm /m/large && echo small >/m/small && cat /m/small"
        assert docker("run", "--rm", "-v", f"{folder}:/m", busybox, "sh", "-c", script) == "small"
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


# -- a guest that has been taken over


class Pipe:
    """A program's standard input and output as paramiko's SFTP client wants its channel."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def send(self, data: bytes) -> int:
        assert self._process.stdin is not None
        self._process.stdin.write(data)
        self._process.stdin.flush()
        return len(data)

    def recv(self, size: int) -> bytes:
        assert self._process.stdout is not None
        return os.read(self._process.stdout.fileno(), size)

    def close(self) -> None:
        self._process.kill()

    def get_name(self) -> str:
        return "0"


@contextmanager
def hostile(machine: RunningMachine, share: Path) -> Iterator[paramiko.SFTPClient]:
    """Root in the machine, in place of sshfs: speaks SFTP to this computer as it likes."""
    key = Share.of(str(share)).key
    place = f"/run/slipway/folders.d/{key}"
    take_over = f"""
        holder=$(cat {place}.pid)
        kill -STOP $holder
        ps -o pid,ppid | while read -r pid parent; do [ "$parent" != $holder ] || kill -9 $pid; done
        echo $$ >{place}.hostile
        SHAREWIRE={place} exec /usr/lib/slipway/sharewire
    """
    argv = [*machine.slipway.argv, "shell", "sh", "-c", take_over]
    with subprocess.Popen(
        argv, env=machine.slipway.full_environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        try:
            yield paramiko.SFTPClient(Pipe(process))  # type: ignore[arg-type]  # see Pipe
        finally:
            process.kill()
    machine.slipway("shell", "sh", "-c", f"kill $(cat {place}.hostile); kill -CONT $(cat {place}.pid)")
    mounted(machine)


def test_nothing_else_is_reachable_from_the_machine(
    machine: RunningMachine, docker: Program, busybox: str, shared_folder: Path, folder: Path
) -> None:
    """Names with ``..``, absolute names, links and hard links to what is not shared, by a client of ill will."""
    secret = shared_folder.parent / f"{shared_folder.name}-secret"
    secret.mkdir()
    (secret / "file").write_text("secret")
    (folder / "link").symlink_to(secret)
    before = (secret / "file").stat()
    inside = folder.name
    try:
        with hostile(machine, shared_folder) as client:
            assert inside in client.listdir("/")
            for name in (
                f"../{secret.name}/file",
                f"/{inside}/../../{secret.name}/file",
                str(secret / "file"),
                f"{inside}/link/file",
                "/etc/shadow",
                "/proc/self/environ",
            ):
                for attempt in (
                    lambda name=name: client.open(name, "r").read(),
                    lambda name=name: client.open(name, "a").write(b"x"),
                    lambda name=name: client.stat(name),
                    lambda name=name: client.chmod(name, 0o777),
                    lambda name=name: client.utime(name, (0, 0)),
                    lambda name=name: client.remove(name),
                    lambda name=name: client.posix_rename(name, f"{inside}/mine"),
                ):
                    with pytest.raises(OSError, match=r"No such|not a name|Not a dir|Too many|Failure"):
                        attempt()
            client.symlink(str(secret / "file"), f"{inside}/fresh")
            with pytest.raises(OSError, match=r"No such|Too many|not an"):
                client.open(f"{inside}/fresh", "r")
        after = (secret / "file").stat()
        assert (secret / "file").read_text() == "secret"
        assert (after.st_mode, after.st_mtime_ns) == (before.st_mode, before.st_mtime_ns)
        out = docker.run("run", "--rm", "-v", f"{folder}:/m", busybox, "sh", "-c", "cat /m/link/file /m/fresh")
        assert "secret" not in out.out
    finally:
        (secret / "file").unlink()
        secret.rmdir()


def test_no_port_leads_to_the_folders(machine: RunningMachine) -> None:
    """The server listens on a Unix socket only, for this user only."""
    process = keeper(machine.home)
    assert [one for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN] == []
    path = machine.home / "run" / "folders.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"not an order\n")
        assert connection.recv(100) == b""
