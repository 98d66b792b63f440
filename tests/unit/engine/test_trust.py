"""Handing over what is trusted: the task on the host, and the guest's program, run by BusyBox in a folder."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import tarfile
import threading
from collections.abc import Mapping
from pathlib import Path

import pytest

from engine import trust
from engine.trust import AUTHORITIES, REGISTRIES, Trust, pack
from installers.checkout import system
from tests.architecture.sources import ROOT
from tests.e2e.authority import Authority
from tests.unit.broken_files import KINDS, broken, roomy_folder
from tests.unit.engine.no_link import NoLink
from tests.unit.sshd import eventually
from vm.guest.stream import Completed
from vm.host.certificates import read_pem
from vm.host.optional_files import OptionalFiles

SCRIPT = ROOT / "engine" / "rootfs" / "usr" / "lib" / "slipway" / "trust"


# -- the host -----------------------------------------------------------------------------------------------------


def test_what_is_packed(tmp_path: Path) -> None:
    authority = Authority(tmp_path / "ca", "Own CA")
    own = read_pem(authority.certificate.read_bytes())
    for folder, text in (("system", "1"), ("user", "2")):
        place = tmp_path / folder / "registry.test:5000"
        place.mkdir(parents=True)
        for name in ("ca.crt", "client.key", "notes.txt"):
            (place / name).write_text(text)
    folders = (tmp_path / "system", tmp_path / "user")
    with tarfile.open(fileobj=io.BytesIO(pack(own, folders, OptionalFiles()))) as tar:
        found = {entry.name: (entry.mode, tar.extractfile(entry)) for entry in tar}
    base = "etc/docker/certs.d/registry.test:5000"
    assert set(found) == {AUTHORITIES, f"{base}/ca.crt", f"{base}/client.key"}
    assert found[f"{base}/client.key"][0] == 0o600
    assert pack(own, (), OptionalFiles()) == pack(own, (), OptionalFiles())


@pytest.mark.parametrize("kind", KINDS)
def test_what_cannot_be_read_costs_nothing_else(kind: str) -> None:
    with roomy_folder() as folder:
        good = folder / "user" / "good.test"
        good.mkdir(parents=True)
        for name in ("ca.crt", os.fsdecode(b"\xff.crt"), "x" * 120 + ".crt"):
            (good / name).write_text("good")
        files = OptionalFiles()
        folders = (folder / "system", folder / "user")
        with broken(folder / "system" / "bad.test" / "ca.crt", kind):
            packed = pack([], folders, files)
        reasons = [one.reason for one in files.passed_over]
    if kind == "no descriptors":
        assert any(one.shortage for one in files.passed_over)
        return
    with tarfile.open(fileobj=io.BytesIO(packed)) as tar:
        assert sorted(Path(name).name for name in tar.getnames()) == ["ca.crt", "\udcff.crt"]
    hidden = [] if kind == "a file for a folder" else [os.strerror(KINDS[kind])]  # a file there means nothing
    assert reasons == [*hidden, os.strerror(errno.ENAMETOOLONG)]


class Guest(NoLink):
    """Takes archives; ``codes`` are what the next runs of the program end with."""

    def __init__(self, *codes: int) -> None:
        self.codes = list(codes)
        self.archives: list[bytes] = []

    async def run(self, command: str, *, input: bytes = b"", timeout: float) -> Completed:
        assert command == trust.PROGRAM
        self.archives.append(input)
        code = self.codes.pop(0) if self.codes else 0
        return Completed(code, b"", b"tar: no space\n" if code else b"")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trust, "LOOK_SECONDS", 0.01)


async def test_a_change_is_handed_over_once() -> None:
    archives, looks, guest = [b"one"], [0], Guest()

    async def look() -> bytes:
        looks[0] += 1
        return archives[-1]

    task = Trust(look)
    task.use(guest)
    await eventually(lambda: looks[0] > 3)
    assert guest.archives == [b"one"]
    archives.append(b"two")
    await eventually(lambda: guest.archives == [b"one", b"two"])
    task.use(None)
    task.use(other := Guest())
    await eventually(lambda: other.archives == [b"two"])  # the link may lead to another machine
    await task.close()


async def test_what_fails_is_not_done_and_tried_again() -> None:
    guest = Guest(1)

    async def look() -> bytes:
        return b"one"

    task = Trust(look)
    task.use(guest)
    await eventually(lambda: task.health.error == "LinkError: The certificates could not be handed over")
    await eventually(lambda: guest.archives == [b"one", b"one"])
    await task.close()


async def test_a_store_that_cannot_be_read_now() -> None:
    """As when the process has no descriptor left."""
    guest, errors = Guest(), [OSError(24, "Too many open files")]

    async def archive() -> bytes:
        if errors:
            raise errors.pop()
        return b"one"

    task = Trust(archive)
    task.use(guest)
    await eventually(lambda: guest.archives == [b"one"])
    await task.close()


# -- the guest ----------------------------------------------------------------------------------------------------


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine's root, with BusyBox' programs only."""
    busybox = system.find_static_busybox()
    assert busybox is not None
    programs = tmp_path / "bin"
    programs.mkdir()
    subprocess.run([busybox, "--install", "-s", programs], check=True)
    monkeypatch.setenv("PATH", str(programs))
    made = tmp_path / "root"
    for folder in (REGISTRIES, AUTHORITIES):
        (made / folder).parent.mkdir(parents=True)
    return made


def archive(files: Mapping[str, str]) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            tar.addfile(entry, io.BytesIO(text.encode()))
    return made.getvalue()


def apply(root: Path, content: bytes) -> int:
    return subprocess.run(["sh", SCRIPT, root], input=content, check=False).returncode


def contents(root: Path) -> dict[str, str]:
    found = {}
    for path in sorted((root / REGISTRIES).glob("*/*")):
        found[f"{path.parent.name}/{path.name}"] = path.read_text()
    if (root / AUTHORITIES).exists():
        found[""] = (root / AUTHORITIES).read_text()
    return found


def left_over(root: Path) -> list[str]:
    return sorted(path.name for path in (root / "etc" / "docker").iterdir() if path.name.startswith("trust."))


ONE = {AUTHORITIES: "A", f"{REGISTRIES}/r:5000/ca.crt": "1", f"{REGISTRIES}/s/ca.crt": "1"}
OTHER = {f"{REGISTRIES}/r:5000/ca.crt": "2", f"{REGISTRIES}/r:5000/client.key": "2"}


def test_the_archive_replaces_what_was_there(root: Path) -> None:
    (root / REGISTRIES / "old").mkdir(parents=True)  # of a machine that an earlier version has started
    assert apply(root, archive(ONE)) == 0
    assert contents(root) == {"": "A", "r:5000/ca.crt": "1", "s/ca.crt": "1"}
    assert apply(root, archive(OTHER)) == 0
    assert contents(root) == {"r:5000/ca.crt": "2", "r:5000/client.key": "2"}
    assert apply(root, pack([], (), OptionalFiles())) == 0
    assert contents(root) == {}
    assert len(left_over(root)) == 2  # what is in use, and what was until now


def test_a_broken_archive_changes_nothing(root: Path) -> None:
    assert apply(root, archive(ONE)) == 0
    assert apply(root, archive(OTHER)[:700]) != 0
    assert contents(root) == {"": "A", "r:5000/ca.crt": "1", "s/ca.crt": "1"}
    assert len(left_over(root)) == 1


def test_a_reader_never_finds_it_missing(root: Path) -> None:
    assert apply(root, archive(ONE)) == 0
    over, seen = threading.Event(), set()

    def read() -> None:
        while not over.is_set():
            seen.add((root / REGISTRIES).is_dir())

    reader = threading.Thread(target=read)
    reader.start()
    for _ in range(20):
        assert apply(root, archive(OTHER)) == 0
    over.set()
    reader.join()
    assert seen == {True}


def test_who_has_followed_the_link_already_still_finds_the_files(root: Path) -> None:
    assert apply(root, archive(ONE)) == 0
    followed = (root / REGISTRIES).resolve()
    assert apply(root, archive(OTHER)) == 0
    assert (followed / "s" / "ca.crt").read_text() == "1"
