"""Bind mounts of the host's folders: kind × mode × name, and what programs do with files."""

from __future__ import annotations

import hashlib
import os
import stat
from itertools import product
from pathlib import Path

import pytest

from tests.e2e.cli import Program
from tests.e2e.conftest import RunningMachine, await_mounted
from tests.e2e.watching import compile_program
from vm.host import host
from vm.virtiofs import find

pytestmark = pytest.mark.machine

NAMES = ("plain", "with space", "größe ✓ 文件", "-dash, comma and 'quotes'")
MIB = 1024 * 1024

LONG_SECONDS = 4 * 3600
"""Under emulation, on a busy computer, reading and removing a small file over SFTP takes up to 90 ms."""

LONG = (pytest.mark.slow("a gigabyte, or many thousand files"), pytest.mark.timeout(LONG_SECONDS))


@pytest.fixture
def folder(carried_folder: Path, request: pytest.FixtureRequest) -> Path:
    """A folder of the test's own, shared."""
    path = carried_folder / f"own-{request.node.name.replace('[', '-').replace(']', '')}"
    path.mkdir()
    return path


def mount(source: Path, target: str, *options: str) -> tuple[str, str]:
    """``--mount`` takes its words as CSV does, so a field with a comma or quote is quoted."""
    fields = ["type=bind", f"source={source}", f"target={target}", *options]
    return "--mount", ",".join('"' + field.replace('"', '""') + '"' for field in fields)


def test_kinds_modes_and_names(docker: Program, busybox: str, folder: Path) -> None:
    options: list[str] = []
    script = []
    for number, (kind, mode, name) in enumerate(product(("folder", "file"), ("rw", "ro"), NAMES)):
        source, target = folder / f"{kind}-{mode}" / name, f"/m/{number}"
        source.parent.mkdir(exist_ok=True)
        if kind == "folder":
            source.mkdir()
            (source / name).write_text("from the host")
            target_file = f"{target}/{name}"
        else:
            source.write_text("from the host")
            target_file = target
        options += mount(source, target, *(["readonly"] if mode == "ro" else []))
        quoted = "'" + target_file.replace("'", "'\\''") + "'"
        script.append(f'[ "$(cat {quoted})" = "from the host" ] || echo {number} cannot be read')
        writes = f"echo from the container >{quoted}"
        script.append(f"({writes}) 2>/dev/null {'||' if mode == 'rw' else '&&'} echo {number} {mode} is not")
    assert docker("run", "--rm", *options, busybox, "sh", "-c", "\n".join([*script, "exit 0"])) == ""
    for kind, name in product(("folder", "file"), NAMES):
        written = folder / f"{kind}-rw" / name
        written = written / name if kind == "folder" else written
        assert written.read_text() == "from the container\n"
        kept = folder / f"{kind}-ro" / name
        assert (kept / name if kind == "folder" else kept).read_text() == "from the host"


def test_a_missing_folder(docker: Program, busybox: str, folder: Path) -> None:
    """``-v`` makes it on the host, ``--mount`` refuses: as Docker does."""
    docker("run", "--rm", "-v", f"{folder}/made/by/docker:/m", busybox, "touch", "/m/file")
    assert (folder / "made/by/docker/file").exists()
    refused = docker.fails("run", "--rm", *mount(folder / "absent", "/m"), busybox, "true")
    assert "bind source path does not exist" in refused.err
    assert not (folder / "absent").exists()


def test_owners_modes_and_links(docker: Program, busybox: str, folder: Path) -> None:
    """An image that chowns its data and checks it, as PostgreSQL's does; and files of any user's."""
    script = """
set -e
cd /m
mkdir data && echo 1 >data/PG_VERSION && chown -R postgres:postgres data && chmod 700 data
[ "$(stat -c '%u %g %a' data)" = '70 70 700' ] && [ "$(stat -c %U data/PG_VERSION)" = postgres ]
su postgres -s /bin/sh -c 'umask 077; echo mine >data/mine && mkdir data/sub && ln -s mine data/link'
[ "$(stat -c '%u %a' data/mine)" = '70 600' ] && [ "$(stat -c %u data/sub)" = 70 ]
if su postgres -s /bin/sh -c 'chown root data/mine' 2>/dev/null; then exit 9; fi
mv data moved && [ "$(stat -c %u moved/mine)" = 70 ] && mv moved data
ln data/mine hard && echo more >>hard && usleep 1100000 && [ "$(tail -n 1 data/mine)" = more ]
[ "$(readlink data/link)" = mine ] && [ "$(head -n 1 data/link)" = mine ]
ln -s /etc/passwd outside && grep -q postgres outside
echo x >suid && chmod 4755 suid && [ "$(stat -c %a suid)" = 4755 ]
mkfifo pipe && (echo through >pipe & cat pipe)
rm -r data/sub && mkdir data/sub && [ "$(stat -c %u data/sub)" = 0 ]
"""
    assert docker("run", "--rm", "-v", f"{folder}:/m", busybox, "sh", "-c", script) == "through"
    again = docker("run", "--rm", "-v", f"{folder}:/m", busybox, "stat", "-c", "%u %a", "/m/data/mine", "/m/suid")
    assert again == "70 600\n0 4755", "another container sees the same owners"
    assert {path.stat().st_uid for path in (folder / "data", folder / "data/mine")} == {os.getuid()}
    assert stat.S_IMODE((folder / "suid").stat().st_mode) == 0o755, "this user's rights are not given away"
    assert (folder / "hard").read_text() == "mine\nmore\n"
    assert (folder / "outside").is_symlink()


def test_the_hosts_changes_are_seen(docker: Program, busybox: str, folder: Path, name: str) -> None:
    """Within a second, without any event: contents, size, deletion and a new file of the same name."""
    (folder / "file").write_text("one")
    docker("run", "-d", "--name", name, "-v", f"{folder}:/m", busybox, "sleep", "1000")
    looks = """
for i in 1 2 3 4 5 6 7 8 9 10 11 12; do
    [ "$(cat /m/file 2>/dev/null || echo gone)" = "{}" ] && exit
    usleep 100000
done
exit 9"""
    for text in ("one", "two and more", "3"):
        (folder / "file").write_text(text)
        docker("exec", name, "sh", "-c", looks.format(text))
    (folder / "file").unlink()
    docker("exec", name, "sh", "-c", looks.format("gone"))


def test_locks(docker: Program, busybox: str, folder: Path) -> None:
    compile_program("locks.c", folder / "locks")
    (folder / "file").write_text("to be locked")
    out = docker("run", "--rm", "-v", f"{folder}:/m", busybox, "/m/locks", "/m/file")
    assert sorted(out.splitlines()) == ["fcntl holds", "flock holds"]


@pytest.mark.parametrize("size", [16 * MIB, pytest.param(1024 * MIB, marks=LONG)])
def test_a_large_file(docker: Program, busybox: str, folder: Path, size: int) -> None:
    with (folder / "large").open("wb") as file:
        digest = hashlib.sha256()
        for number in range(size // MIB):
            piece = hashlib.shake_256(number.to_bytes(4, "big")).digest(MIB)
            digest.update(piece)
            file.write(piece)
    script = "cp /m/large /m/copy && sha256sum </m/copy"
    out = docker("run", "--rm", "-v", f"{folder}:/m", busybox, "sh", "-c", script, timeout=LONG_SECONDS)
    assert out.split()[0] == digest.hexdigest()
    with (folder / "copy").open("rb") as file:
        assert hashlib.file_digest(file, "sha256").hexdigest() == digest.hexdigest()
    (folder / "large").unlink()
    (folder / "copy").unlink()


@pytest.mark.parametrize("count", [300, *(pytest.param(many, marks=LONG) for many in (10_000, 100_000))])
def test_many_small_files(docker: Program, busybox: str, folder: Path, count: int) -> None:
    (folder / "source").mkdir()
    for number in range(count):
        (folder / "source" / f"{number}").write_text(f"{number}\n")
    script = "cd /m/source && ls | wc -l && cat * | sort -n | sha256sum && rm -r /m/source"
    out = docker("run", "--rm", "-v", f"{folder}:/m", busybox, "sh", "-c", script, timeout=LONG_SECONDS).split()
    text = "".join(f"{number}\n" for number in range(count))
    assert out[:2] == [str(count), hashlib.sha256(text.encode()).hexdigest()]
    assert not (folder / "source").exists()


def test_times_are_exact(docker: Program, busybox: str, folder: Path) -> None:
    """Where the carrier can."""
    if folder.parent.name.startswith("slipway-late-"):
        pytest.skip("SFTP has times in seconds only")
    (folder / "one").touch()
    os.utime(folder / "one", ns=(5_000_000_001, 6_123_456_789))
    out = docker("run", "--rm", "-v", f"{folder}:/m", busybox, "stat", "-c", "%y", "/m/one")
    assert "00:00:06.123456789" in out


def test_they_are_listed(machine: RunningMachine, shared_folder: Path, late_folder: Path) -> None:
    found = {item["folder"]: item for item in await_mounted(machine)}
    server, why = find(host())
    assert found[str(shared_folder)] == {
        "folder": str(shared_folder),
        "place": str(shared_folder),
        "state": "mounted",
        "carrier": "virtiofs" if server else "sftp",
        "why": why,
        "unwatched": "",
    }
    assert found[str(Path.home())]["state"] == "mounted"
    assert found[str(late_folder)]["carrier"] == "sftp"
    assert server is None or "when the machine was started" in found[str(late_folder)]["why"]
