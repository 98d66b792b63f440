"""Files that no start depends on: whatever is wrong with one is noted with what to do, and passed over."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.broken_files import KINDS, as_nobody, broken, roomy_folder
from vm.host.optional_files import OptionalFiles, hint, shown


@pytest.fixture
def folder() -> Iterator[Path]:
    with roomy_folder() as made:
        yield made


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_wrong_is_noted(folder: Path, kind: str) -> None:
    files = OptionalFiles()
    with broken(folder / "sub" / "file", kind) as path:
        assert files.read(path) is None
    (noted,) = files.passed_over
    assert (noted.path, noted.reason) == (str(path), os.strerror(KINDS[kind]))
    assert noted.hint


@pytest.mark.parametrize("kind", ["a link to itself", "no descriptors", "another user's"])
def test_a_folder_that_cannot_be_listed(folder: Path, kind: str) -> None:
    files = OptionalFiles()
    with broken(folder / "sub" / "file", kind) as path:
        where = path.parent if kind == "another user's" else path
        assert files.entries(where) == []
        assert list(files.below(where)) == []
    assert {noted.reason for noted in files.passed_over} == {os.strerror(KINDS[kind])}


def test_what_is_missing_is_not_missed(folder: Path) -> None:
    files = OptionalFiles()
    (folder / "dangling").symlink_to("nowhere")
    assert files.read(folder / "none") is None
    assert files.read(folder / "dangling") is None
    assert files.entries(folder / "none") == []
    assert files.passed_over == []


def test_what_can_be_read(folder: Path) -> None:
    files = OptionalFiles()
    odd = Path(os.fsdecode(os.fsencode(folder) + b"/\xff"))
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "loop").symlink_to("..")
    for path in (odd, folder / "a" / "b" / "c"):
        path.write_text(path.name, errors="surrogateescape")
    assert files.read(odd) == b"\xff"
    assert set(files.below(folder)) == {odd, folder / "a" / "b" / "c"}
    assert files.folders(folder) == [folder / "a"]
    assert files.read(odd, largest=0) is None
    assert files.passed_over[0].path == shown(odd) == f"{folder}/\\udcff"
    assert files.passed_over[0].reason == os.strerror(errno.EFBIG)


def test_what_root_has_made_in_the_home_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after one “sudo docker”."""
    monkeypatch.setenv("HOME", str(folder))
    (folder / ".docker").mkdir(mode=0o700)
    denied = PermissionError(errno.EACCES, "Permission denied")
    with as_nobody():
        assert hint(folder / ".docker" / "config.json", denied).endswith(
            f'sudo chown -R "$(id -un)" {folder}/.docker'
        )
        assert hint("/etc/docker/certs.d", denied) == "Check its owner and permissions."
    assert "root" not in hint(folder / ".docker" / "config.json", denied)  # we are root
