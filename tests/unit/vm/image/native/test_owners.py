"""The log of owners: what it is read back as, whole, cut off, spoilt, and on a disk that is full."""

from __future__ import annotations

import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.unit.guest_program import NATIVE, compile_sources

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs of the guest's")

SECONDS = 60
NO_OWNER = (0, 0, 0o37777777777)
"""Root, with the host's mode."""

Owner = tuple[int, int, int]

some = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@dataclass(frozen=True)
class Set:
    path: str
    owner: Owner

    def record(self) -> bytes:
        return b"=%d %d %o\0" % self.owner + self.path.encode() + b"\0"

    def apply(self, owners: dict[str, Owner]) -> None:
        owners[self.path] = self.owner
        if self.owner == NO_OWNER:
            del owners[self.path]


@dataclass(frozen=True)
class Forget:
    path: str

    def record(self) -> bytes:
        return b"-" + self.path.encode() + b"\0"

    def apply(self, owners: dict[str, Owner]) -> None:
        for path in below(owners, self.path):
            del owners[path]


@dataclass(frozen=True)
class Move:
    old: str
    new: str

    def record(self) -> bytes:
        return b">" + self.old.encode() + b"\0" + self.new.encode() + b"\0"

    def apply(self, owners: dict[str, Owner]) -> None:
        moved = below(owners, self.old)
        if moved and (is_within(self.old, self.new) or is_within(self.new, self.old)):
            return  # no file system moves a folder into itself, or onto one that has something in it
        Forget(self.new).apply(owners)
        for path in moved:
            owners[self.new + path.removeprefix(self.old)] = owners.pop(path)


Change = Set | Forget | Move


def is_within(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder}/")


def below(owners: dict[str, Owner], folder: str) -> list[str]:
    return [path for path in owners if is_within(path, folder)]


def result(changes: list[Change]) -> dict[str, Owner]:
    owners: dict[str, Owner] = {}
    for change in changes:
        change.apply(owners)
    return owners


paths = st.lists(st.sampled_from(["a", "b", "ab", "ü"]), min_size=1, max_size=4).map(
    lambda names: "/" + "/".join(names)
)
owners = st.sampled_from([(1000, 1000, NO_OWNER[2]), (0, 5, 0o10644), (2**32 - 2, 7, 0o4755), NO_OWNER])
change = st.builds(Set, paths, owners) | st.builds(Forget, paths) | st.builds(Move, paths, paths)
changes = st.lists(change, max_size=30)


class Program:
    """The program that opens a log, and the log."""

    def __init__(self, program: Path, log: Path) -> None:
        self._program, self.log = program, log

    def run(self, changes: list[Change] | None = None, limit: int = resource.RLIM_INFINITY) -> dict[str, Owner]:
        """Open the log and make changes; returns all owners. No file becomes larger than ``limit`` bytes."""
        done = subprocess.run(
            [self._program, self.log],
            input=b"".join(change.record() for change in changes or []),
            capture_output=True,
            check=False,
            timeout=SECONDS,
            env={"ASAN_OPTIONS": "detect_leaks=0"},  # takes half of the time; the fuzz target looks for leaks
            restore_signals=False,  # so that SIGXFSZ stays ignored, as Python has it
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )
        assert done.returncode == 0, done.stderr.decode()
        fields = iter(done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1])
        return {path: numbers(head) for head, path in zip(fields, fields, strict=True)}


def numbers(head: str) -> Owner:
    uid, gid, mode = head.removeprefix("=").split()
    return int(uid), int(gid), int(mode, 8)


@pytest.fixture(scope="module")
def binary(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sources = [Path(__file__).parent / "peers" / "owners.c", NATIVE / "owners.c", NATIVE / "owner_tree.c"]
    return compile_sources(sources, tmp_path_factory.mktemp("owners") / "owners")


@pytest.fixture
def program(binary: Path, tmp_path: Path) -> Program:
    return Program(binary, tmp_path / "log")


@some
@given(changes, changes)
@example([Set("/a/b", (1, 1, 1)), Move("/a/b", "/a")], [Move("/a/b", "/a/b")])
@example([Set("/a", (1, 1, 1)), Move("/a", "/a/b/c")], [Forget("/a/b")])
def test_the_same_after_a_restart(program: Program, first: list[Change], second: list[Change]) -> None:
    program.log.unlink(missing_ok=True)
    assert program.run(first) == result(first)
    assert program.run(second) == result([*first, *second])
    assert program.run() == result([*first, *second])


@some
@given(changes, change, st.data())
def test_a_record_that_was_cut_off(
    program: Program, whole: list[Change], cut: Change, data: st.DataObject
) -> None:
    """A crash in the middle of a record loses that record only, and does not spoil the next ones."""
    end = data.draw(st.integers(0, len(cut.record()) - 1))
    program.log.write_bytes(b"".join(change.record() for change in whole) + cut.record()[:end])
    assert program.run([Set("/after", (3, 3, 3))]) == {**result(whole), "/after": (3, 3, 3)}
    assert program.run() == {**result(whole), "/after": (3, 3, 3)}


@some
@given(changes, st.binary(max_size=200) | st.binary(max_size=200).map(lambda noise: noise.replace(b"0", b"\0")))
def test_what_is_no_record_does_not_hurt(program: Program, whole: list[Change], noise: bytes) -> None:
    program.log.write_bytes(b"".join(change.record() for change in whole) + noise)
    found = program.run()
    assert program.run() == found
    if not noise.startswith((b"=", b"-", b">")) and b"\0" not in noise:
        assert found == result(whole)


@pytest.mark.parametrize("room", range(20, 60, 3))
def test_a_disk_that_becomes_full(program: Program, room: int) -> None:
    """Records that have no room are lost; the part that was written of one is cut off again."""
    many: list[Change] = [Set(f"/{number}", (number, 1, 1)) for number in range(1, 10)]
    short: list[Change] = [Forget("/1")]
    assert program.run([*many, *short], limit=room) == result([*many, *short])
    assert program.log.stat().st_size <= room
    kept = program.run()
    assert kept.items() <= result(many).items()
    assert program.run([Set("/after", (3, 3, 3))]) == {**kept, "/after": (3, 3, 3)}
    assert program.run() == {**kept, "/after": (3, 3, 3)}


def test_a_log_that_cannot_be_compacted_is_kept(program: Program) -> None:
    many: list[Change] = [Set(f"/{number}", (number, 1, 1)) for number in range(1, 10)]
    assert program.run(many) == result(many)
    with program.log.open("ab") as log:
        log.write(b"=5 5 5\0/cut o")
    assert program.run(limit=50) == result(many)
    assert program.run([Set("/after", (3, 3, 3))]) == {**result(many), "/after": (3, 3, 3)}
    assert not program.log.with_name("log.new").exists()


def test_a_path_longer_than_any_file_has(program: Program) -> None:
    deep = "/a" * 100_000
    program.log.write_bytes(Set(deep, (1, 1, 1)).record() + Set("/b", (2, 2, 2)).record() + Forget(deep).record())
    assert program.run() == {"/b": (2, 2, 2)}
