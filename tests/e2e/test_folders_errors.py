"""What a shared folder refuses, it refuses in a container with the error that the same call gets on the host.

A small program (errnos.c) makes the same calls on the host and in a container, by either carrier.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.e2e.cli import Program
from tests.e2e.conftest import CARRIERS, RunningMachine
from tests.e2e.serving import sftp_daemon
from tests.e2e.watching import compile_program

pytestmark = pytest.mark.machine

ONLY_SFTP = pytest.mark.parametrize("carried_folder", CARRIERS[1:], indirect=True)

LONG = "n" * 300
FAR = str(2**62)
"""No file of most file systems is so long."""

NO_MOUNTS = "a small disk cannot be mounted here"

Calls = Sequence[tuple[str, ...]]


@pytest.fixture
def folder(carried_folder: Path, request: pytest.FixtureRequest) -> Path:
    """A folder of the test's own, shared, with the program in it."""
    path = carried_folder / str(request.node.name).replace("[", "-").replace("]", "")
    path.mkdir()
    compile_program("errnos.c", path / "errnos")
    return path


def script(calls: Calls, folder: str) -> str:
    """The program's input; a word that is no number names something in ``folder``."""
    lines = [[what, *(word if word.isdigit() else f"{folder}/{word}" for word in words)] for what, *words in calls]
    return "".join("\t".join(line) + "\n" for line in lines)


def named(calls: Calls, out: str) -> dict[str, str]:
    """Each call and the name of its error, "" for success."""
    codes = [int(line) for line in out.split()]
    return {" ".join(call): errno.errorcode.get(code, "") for call, code in zip(calls, codes, strict=True)}


def in_container(docker: Program, busybox: str, folder: Path, calls: Calls) -> dict[str, str]:
    run = ("run", "--rm", "-i", "-v", f"{folder}:/m", busybox, "/m/errnos")
    return named(calls, docker(*run, stdin=script(calls, "/m")))


def on_host(folder: Path, calls: Calls) -> dict[str, str]:
    program = folder / "errnos"
    done = subprocess.run([program], input=script(calls, str(folder)), capture_output=True, text=True, check=True)
    return named(calls, done.stdout)


@contextmanager
def executed(program: Path) -> Iterator[None]:
    """Run a copy of the test program there, so that it is busy."""
    program.write_bytes((program.parent / "errnos").read_bytes())
    program.chmod(0o755)
    with subprocess.Popen([program], stdin=subprocess.PIPE) as process:
        yield
        process.communicate(b"")


def mount_small(place: Path) -> None:
    """A disk with room for 64 KiB and a few files."""
    place.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k,nr_inodes=3", "small", place], check=True)


def unmount(place: Path) -> None:
    subprocess.run(["umount", "-l", place], check=True)


REFUSED: Calls = [
    ("rename", "empty", "full"),
    ("rename", "full/file", "full"),
    ("rename", "file", LONG),
    ("rename", "none", "other"),
    ("rmdir", "full"),
    ("rmdir", "file"),
    ("mkdir", LONG),
    ("mkdir", "full"),
    ("mkdir", "file/x"),
    ("create", LONG),
    ("create", "file"),
    ("create", "loop/x"),
    ("open", "loop"),
    ("open", "full"),
    ("open", "busy"),
    ("open", f"{LONG}/x"),
    ("unlink", LONG),
    ("unlink", "full"),
    ("link", "file", LONG),
    ("link", "file", "full"),
    ("symlink", "file", LONG),
    ("mkfifo", LONG),
    ("mkfifo", "file"),
    ("truncate", "file", FAR),
    ("truncate", "full", "0"),
    ("write", "file", FAR),
]


def test_errors_are_the_hosts(docker: Program, busybox: str, folder: Path) -> None:
    for name in ("full", "empty"):
        (folder / name).mkdir()
    for name in ("file", "full/file"):
        (folder / name).touch()
    (folder / "loop").symlink_to("loop")
    with executed(folder / "busy"):
        expected = on_host(folder, REFUSED)
        assert in_container(docker, busybox, folder, REFUSED) == expected
    for call, name in (
        ("rename empty full", "ENOTEMPTY"),
        ("rmdir full", "ENOTEMPTY"),
        (f"mkdir {LONG}", "ENAMETOOLONG"),
        ("open busy", "ETXTBSY"),
        ("open loop", "ELOOP"),
    ):
        assert expected[call] == name, "the host's own error, so that the test tests something"
    assert sorted(path.name for path in folder.iterdir()) == ["busy", "empty", "errnos", "file", "full", "loop"]


@pytest.mark.skipif(os.geteuid() != 0, reason=NO_MOUNTS)
@ONLY_SFTP  # what is mounted later comes to virtiofsd only where systemd has made mounts shared
def test_errors_of_other_file_systems(docker: Program, busybox: str, folder: Path) -> None:
    (folder / "file").touch()
    calls: Calls = [
        ("rename", "file", "disk/file"),
        ("link", "file", "disk/file"),
        ("rmdir", "disk"),
        ("rename", "disk", "elsewhere"),
        ("create", "fixed/new"),
        ("open", "fixed/file"),
        ("mkdir", "fixed/new"),
        ("unlink", "fixed/file"),
        ("chmod", "fixed/file"),
        ("truncate", "fixed/file", "0"),
        ("mkfifo", "fixed/new"),
    ]
    with ExitStack() as mounted:
        for name in ("disk", "fixed"):
            mount_small(folder / name)
            mounted.callback(unmount, folder / name)
        (folder / "fixed/file").touch()
        subprocess.run(["mount", "-o", "remount,ro", folder / "fixed"], check=True)
        expected = on_host(folder, calls)
        assert set(expected.values()) == {"EXDEV", "EBUSY", "EROFS"}
        assert in_container(docker, busybox, folder, calls) == expected


@pytest.mark.skipif(os.geteuid() != 0, reason=NO_MOUNTS)
@ONLY_SFTP
def test_a_disk_that_is_full(docker: Program, busybox: str, folder: Path) -> None:
    """Data is on its way when ``write`` returns: the error comes with the next call that waits."""
    calls: Calls = [
        ("write", "disk/file", "0"),
        ("create", "disk/new"),
        ("mkdir", "disk/new"),
        ("mkfifo", "disk/new"),
    ]
    mount_small(folder / "disk")
    try:
        for name in ("file", "last"):
            (folder / "disk" / name).touch()
        filling = "dd if=/dev/zero of=/m/disk/file bs=1k count=100 2>&1 | grep -o 'No space left on device'"
        run = ("run", "--rm", "-v", f"{folder}:/m", busybox, "sh", "-c", filling)
        assert docker(*run) == "No space left on device"
        expected = on_host(folder, calls)
        assert in_container(docker, busybox, folder, calls) == expected
        assert expected["create disk/new"] == "ENOSPC"
    finally:
        unmount(folder / "disk")


def open_files(pid: int, soft: str = "") -> str:
    """How many files a process may open, after it may open ``soft``."""
    if soft:
        subprocess.run(["prlimit", f"--pid={pid}", f"--nofile={soft}:"], check=True)
    told = ["prlimit", f"--pid={pid}", "--nofile", "--noheadings", "--output=SOFT"]
    return subprocess.run(told, capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.skipif(not shutil.which("prlimit"), reason="prlimit is not installed")
@ONLY_SFTP
def test_the_servers_files_are_used_up(
    machine: RunningMachine, docker: Program, busybox: str, folder: Path
) -> None:
    (folder / "file").touch()
    calls: Calls = [("hold", "file", "100"), ("create", "new")]
    daemon = sftp_daemon(machine.home)
    before = open_files(daemon.pid)
    try:
        open_files(daemon.pid, str(daemon.num_fds() + 20))
        found = in_container(docker, busybox, folder, calls)
    finally:
        open_files(daemon.pid, before)
    assert set(found.values()) == {"EMFILE"}
    assert set(in_container(docker, busybox, folder, calls).values()) == {""}


def test_a_fifo_is_one_on_the_host(docker: Program, busybox: str, folder: Path) -> None:
    os.mkfifo(folder / "hosts")
    commands = """
set -e
cd /m
mkfifo -m 640 pipe && [ -p pipe ] && [ -p hosts ] && [ "$(stat -c '%a %u' pipe)" = '640 0' ]
(echo through >pipe & cat pipe) && (echo also >hosts & cat hosts)
chown 7:8 pipe && chmod 600 pipe && mv pipe moved && ln moved other && usleep 1100000
[ "$(stat -c '%F %u %g %a %h' moved)" = 'fifo 7 8 600 2' ]
"""
    assert docker("run", "--rm", "-v", f"{folder}:/m", busybox, "sh", "-c", commands) == "through\nalso"
    for name in ("moved", "other"):
        assert stat.S_ISFIFO((folder / name).lstat().st_mode)
    assert stat.S_IMODE((folder / "moved").lstat().st_mode) == 0o600


def test_no_device_is_made(docker: Program, busybox: str, folder: Path) -> None:
    calls: Calls = [("mknod", "device"), ("mkfifo", "pipe")]
    assert in_container(docker, busybox, folder, calls) == {"mknod device": "EPERM", "mkfifo pipe": ""}
    assert not (folder / "device").exists()


def test_links_are_one_file(docker: Program, busybox: str, folder: Path) -> None:
    """For programs that count or copy each file once: ``du``, ``tar``, ``rsync -H``."""
    (folder / "one").write_bytes(bytes(1 << 20))
    commands = """
set -e
cd /m && ln one two && mkdir sub && ln two sub/three && usleep 1100000
stat -c '%h %i' one two sub/three
ls -i one two | while read -r number name; do echo "3 $number"; done
mkdir /copy && tar -cf - one two sub | tar -xf - -C /copy
stat -c %h /copy/one
du -k one sub | sort -n | head -n 1 | cut -f 1
rm two && usleep 1100000 && stat -c '%h %i' one
"""
    *links, copied, size, fewer = docker(
        "run", "--rm", "-v", f"{folder}:/m", busybox, "sh", "-c", commands
    ).splitlines()
    number = (folder / "one").stat().st_ino
    assert links == [f"3 {number}"] * 5
    assert copied == "3"
    assert int(size) < 100, "the folder beside the file has only one that has been counted"
    assert fewer == f"2 {number}"
