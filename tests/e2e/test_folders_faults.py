"""Shared folders when something goes wrong: each fault is made for real, and no data is mixed up."""

from __future__ import annotations

import json
import os
import shutil
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
from tests.e2e.conftest import CARRIERS, MOUNT_SECONDS, RunningMachine, await_mounted, carrier_of
from tests.e2e.serving import server, sftp_daemon
from vm.host import host
from vm.virtiofs import find

pytestmark = pytest.mark.machine

MOMENT_SECONDS = 10.0
"""For a container to see something else, and the command that looks; shorter than a lease."""

ONLY_VIRTIOFS, ONLY_SFTP = (pytest.mark.parametrize("carried_folder", [way], indirect=True) for way in CARRIERS)


@pytest.fixture
def folder(carried_folder: Path, request: pytest.FixtureRequest) -> Path:
    path = carried_folder / str(request.node.name).replace("[", "-").replace("]", "")
    path.mkdir()
    return path


def grows(path: Path, above: int) -> None:
    deadline = time.monotonic() + MOUNT_SECONDS
    while path.stat().st_size <= above:
        assert time.monotonic() < deadline, f"nothing is added to {path}"
        time.sleep(0.05)


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
        await_mounted(machine)
    grows(log, log.stat().st_size)
    docker("rm", "-f", name)
    lines = log.read_text().split("\n")
    assert lines[:-1] == [str(number) for number in range(len(lines) - 1)]


@ONLY_SFTP
def test_the_sftp_server_is_killed(
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
    sftp_daemon(machine.home).kill()
    await_mounted(machine)
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
    docker("exec", name, "sh", "-c", "while cat /m/file; do usleep 20000; done", timeout=MOMENT_SECONDS)
    (folder / "elsewhere").rename(inner)
    docker("exec", name, "sh", "-c", "until cat /m/file; do usleep 20000; done", timeout=MOMENT_SECONDS)
    assert docker("exec", name, "cat", "/m/file") == "here"
    docker("exec", name, "sh", "-c", "echo there >/m/new")
    assert (inner / "new").read_text() == "there\n"


NO_DISK = "a small disk cannot be mounted here"


def fill_and_go_on(docker: Program, busybox: str, folder: Path) -> None:
    script = "dd if=/dev/zero of=/m/large bs=64k count=100"
    full = docker.fails("run", "--rm", "-v", f"{folder}:/m", busybox, "sh", "-c", script)
    assert "No space left on device" in full.err
    script = "rm /m/large && echo small >/m/small && cat /m/small"
    assert docker("run", "--rm", "-v", f"{folder}:/m", busybox, "sh", "-c", script) == "small"


@pytest.mark.skipif(os.geteuid() != 0, reason=NO_DISK)
@ONLY_SFTP  # what is mounted later comes to virtiofsd only where systemd has made mounts shared
def test_this_computers_disk_is_full(docker: Program, busybox: str, folder: Path) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "small", folder], check=True)
    try:
        fill_and_go_on(docker, busybox, folder)
    finally:
        subprocess.run(["umount", "-l", folder], check=True)


def test_the_machines_disk_is_full(
    machine: RunningMachine, docker: Program, busybox: str, folder: Path, name: str
) -> None:
    """Folders of the host go on; even who owns what is known, though it cannot be written down."""
    docker("run", "-d", "--name", name, "-v", f"{folder}:/m", busybox, "sleep", "1000")
    fill = "/var/lib/slipway/fill"
    script = f"fallocate -l $(df -P -B 1 {fill} | awk 'NR == 2 {{ print $4 }}') {fill}; cat /dev/zero >>{fill}"
    try:
        full = machine.slipway.run("shell", "sh", "-c", f"touch {fill}; {script}", timeout=120)
        assert "No space left on device" in full.err
        script = "echo here >/m/file && chown 70:71 /m/file && stat -c '%u %g' /m/file && cat /m/file"
        assert docker("exec", name, "sh", "-c", script) == "70 71\nhere"
        assert (folder / "file").read_text() == "here\n"
    finally:
        machine.slipway("shell", "rm", "-f", fill, timeout=120)


# -- virtiofs


@pytest.fixture
def by_virtiofs() -> None:
    if find(host())[0] is None:
        pytest.skip(find(host())[1])


def own(machine: RunningMachine, folder: Path) -> dict[str, str]:
    """The report of a folder."""
    return next(one for one in await_mounted(machine) if one["folder"] == str(folder))


@pytest.mark.usefixtures("by_virtiofs")
def test_another_folder_takes_its_place(
    machine: RunningMachine, docker: Program, busybox: str, spare_folder: Path, name: str
) -> None:
    """Containers that run keep the folder they mounted, as they would without a machine; new ones find the new."""
    (spare_folder / "file").write_text("one")
    docker("run", "-d", "--name", name, "-v", f"{spare_folder}:/m", busybox, "sleep", "1000")
    assert own(machine, spare_folder)["carrier"] == "virtiofs"
    process = server(machine.home, spare_folder)
    former = spare_folder.with_name(f"{spare_folder.name}-former")
    spare_folder.rename(former)
    try:
        absent = docker.fails("run", "--rm", "--mount", f"type=bind,src={spare_folder},dst=/m", busybox, "true")
        assert "bind source path does not exist" in absent.err
        spare_folder.mkdir()
        (spare_folder / "file").write_text("two")
        read = ("run", "--rm", "-v", f"{spare_folder}:/m", busybox, "cat", "/m/file")
        assert docker(*read) == "two"
        told = own(machine, spare_folder)
        assert told["carrier"] == "sftp"
        assert "was another folder" in told["why"]
        assert docker("exec", name, "sh", "-c", "echo more >/m/new; cat /m/file") == "one"
        assert (former / "new").read_text() == "more\n"
        spare_folder.joinpath("file").unlink()
        spare_folder.rmdir()
        docker("run", "--rm", "-v", f"{spare_folder}:/m", busybox, "touch", "/m/made")
        assert (spare_folder / "made").exists()
        assert process.is_running(), "it serves the container that has the former folder"
        shutil.rmtree(spare_folder)
        docker("restart", "-t", "0", name)
        process.wait(30)
        assert docker("exec", name, "ls", "/m") == ""
        assert spare_folder.is_dir(), "as -v would have it"
    finally:
        shutil.rmtree(former)
    assert json.loads(machine.slipway("status", "--json"))["state"] == "running"


@pytest.mark.usefixtures("by_virtiofs")
def test_a_disk_that_is_full_and_then_unmounted(
    machine: RunningMachine, docker: Program, busybox: str, small_disk: Path, name: str
) -> None:
    if not small_disk.is_mount():
        pytest.skip(NO_DISK)
    assert own(machine, small_disk)["carrier"] == "virtiofs"
    fill_and_go_on(docker, busybox, small_disk)
    docker("run", "-d", "--name", name, "-v", f"{small_disk}:/m", busybox, "sleep", "1000")
    subprocess.run(["umount", "-l", small_disk], check=True)
    assert docker("run", "--rm", "-v", f"{small_disk}:/m", busybox, "ls", "/m") == ""
    docker("run", "--rm", "-v", f"{small_disk}:/m", busybox, "touch", "/m/below")
    assert (small_disk / "below").exists()
    assert docker("exec", name, "cat", "/m/small") == "small"


@ONLY_VIRTIOFS
def test_virtiofsd_is_suspended(
    machine: RunningMachine, docker: Program, busybox: str, shared_folder: Path, folder: Path, name: str
) -> None:
    """Who looks into its folder waits, others do not; it is woken, and all goes on."""
    (folder / "file").write_text("there")
    docker("run", "-d", "--name", name, "-v", f"{folder}:/m", busybox, "sleep", "1000")
    outer = server(machine.home, shared_folder)
    family = [*outer.children(recursive=True), outer]
    for _ in range(3):  # on a busy computer it may be resumed before the other container has run
        for process in family:
            process.suspend()
        assert docker("run", "--rm", busybox, "echo", "others") == "others"
        if (state := family[0].status()) == psutil.STATUS_STOPPED:
            break
    assert state == psutil.STATUS_STOPPED
    assert docker("exec", name, "cat", "/m/file") == "there"
    assert json.loads(machine.slipway("status", "--json"))["state"] == "running"


@ONLY_VIRTIOFS
def test_a_folder_that_is_shared_no_longer_has_no_server(
    machine: RunningMachine, shared_folder: Path, folder: Path
) -> None:
    process = server(machine.home, Path.home().resolve())
    machine.slipway("settings", "set", "share_home", "false")
    process.wait(30)
    machine.slipway("settings", "set", "share_home", "true")
    (home,) = [one for one in await_mounted(machine) if one["folder"] == str(Path.home().resolve())]
    assert home["carrier"] == "sftp"
    assert json.loads(machine.slipway("status", "--json"))["state"] == "running"


@ONLY_VIRTIOFS
def test_nothing_else_is_reachable_by_virtiofs(
    machine: RunningMachine, docker: Program, busybox: str, shared_folder: Path, folder: Path
) -> None:
    """Not by links, which are the reader's own; nor by the machine's own mount, which is for its root only."""
    secret = shared_folder.parent / f"{shared_folder.name}-secret"
    secret.write_text("secret")
    try:
        (folder / "link").symlink_to(secret)
        (folder / "up").symlink_to("../../" + secret.name)
        below = f"/run/slipway/folders.d/{Share.of(str(shared_folder)).key}.below/{folder.name}"
        looks = [f"cat {place}/{name}" for place in (below, str(folder)) for name in ("link", "up")]
        looks += [f"cat {below}/../../{secret.name}", f"mknod {below}/device b 8 0", f"chown 1 {below}"]
        for look in looks:
            told = machine.slipway.run("shell", "sh", "-c", look)
            assert told.code != 0, look
            assert "secret" not in told.out
        out = docker.run("run", "--rm", "-v", f"{folder}:/m", busybox, "sh", "-c", "cat /m/link /m/up")
        assert "secret" not in out.out
    finally:
        secret.unlink()


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
    """Root in the machine, in place of sshfs: speaks SFTP to the host as it likes."""
    key = Share.of(str(share)).key
    place = f"/run/slipway/folders.d/{key}"
    take_over = f"""
        holder=$(cat {place}.pid)
        kill -STOP $holder
        ps -o pid,ppid | while read -r pid parent; do [ "$parent" != $holder ] || kill -9 $pid; done
        echo $$ >{place}.hostile
        TRANSPORT_SOCKET={place} exec /usr/lib/slipway/sftp_transport
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
    await_mounted(machine)


@ONLY_SFTP
def test_nothing_else_is_reachable_by_sftp(
    machine: RunningMachine, docker: Program, busybox: str, late_folder: Path, folder: Path
) -> None:
    """Names with ``..``, absolute names, links and hard links to what is not shared, by a client of ill will."""
    secret = late_folder.parent / f"{late_folder.name}-secret"
    secret.mkdir()
    (secret / "file").write_text("secret")
    (folder / "link").symlink_to(secret)
    before = (secret / "file").stat()
    inside = folder.name
    try:
        with hostile(machine, late_folder) as client:
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


def test_no_port_leads_to_the_folders(machine: RunningMachine, late_folder: Path) -> None:
    """The server listens on a Unix socket only, for this user only."""
    process = sftp_daemon(machine.home)
    assert [one for one in process.net_connections("inet") if one.status == psutil.CONN_LISTEN] == []
    path = machine.home / "run" / "folders.sock"
    assert path.stat().st_mode & 0o777 == 0o600
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(b"not an order\n")
        assert connection.recv(100) == b""


@ONLY_VIRTIOFS
def test_virtiofsd_is_killed(
    machine: RunningMachine, docker: Program, busybox: str, shared_folder: Path, folder: Path, name: str
) -> None:
    """A program that reads its folder would wait without end, so the machine restarts without it."""
    (folder / "file").write_text("before")
    restart = ("--restart", "always")
    docker("run", "-d", "--name", name, *restart, "-v", f"{folder}:/m", busybox, "sleep", "1000")
    record = machine.home / "run" / "qemu.json"
    before = record.stat().st_mtime_ns
    server(machine.home, shared_folder).kill()
    deadline = time.monotonic() + 120
    while not record.exists() or record.stat().st_mtime_ns == before:
        assert time.monotonic() < deadline, "the machine is not started again"
        time.sleep(0.2)
    (folder / "file").write_text("after")
    docker("version")
    assert await_mounted(machine)
    while (told := docker.run("exec", name, "cat", "/m/file")).code != 0:
        assert time.monotonic() < deadline, told
        time.sleep(0.2)
    assert told.out == "after"
    assert carrier_of(machine, shared_folder) == "sftp"
    docker("rm", "-f", name)
    machine.slipway("restart")
    await_mounted(machine)
    assert carrier_of(machine, shared_folder) == "virtiofs"
