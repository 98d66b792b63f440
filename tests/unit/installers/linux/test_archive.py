"""Archives: read by the programs they are for, and the same bytes however the files came about."""

from __future__ import annotations

import shutil
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from installers.checkout.console import StepError
from installers.linux import archive
from installers.linux.archive import write_ar, write_tar

EPOCH = 1_700_000_000


def make_tree(folder: Path, order: Callable[[list[str]], list[str]], mode: int) -> Path:
    """Files that differ in all that must not count: order, times, what others may do with them."""
    for name in order(["b/program", "a/file", "c"]):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
        path.chmod(mode | (0o100 if name == "b/program" else 0))
    (folder / "link").symlink_to("a/file")
    return folder


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    first = make_tree(tmp_path / "first", sorted, 0o644)
    second = make_tree(tmp_path / "second", lambda names: names, 0o600)
    for folder in (first, second):
        write_tar(folder, tmp_path / f"{folder.name}.tar.xz", "./x", EPOCH)
    assert (tmp_path / "first.tar.xz").read_bytes() == (tmp_path / "second.tar.xz").read_bytes()


def test_what_is_in_it(tmp_path: Path) -> None:
    write_tar(make_tree(tmp_path / "tree", sorted, 0o640), tmp_path / "x.tar.xz", "x", EPOCH)
    with tarfile.open(tmp_path / "x.tar.xz") as tar:
        found = {member.name: (oct(member.mode), member.uid, member.uname, member.mtime) for member in tar}
        assert tar.getmember("x/link").linkname == "a/file"
    whole = (0, "root", EPOCH)
    assert found["x/a/file"] == ("0o644", *whole)
    assert found["x/b/program"] == ("0o755", *whole)
    assert list(found) == ["x", "x/a", "x/a/file", "x/b", "x/b/program", "x/c", "x/link"]


def test_ar_reads_it(tmp_path: Path) -> None:
    """A member of odd length, too, after which a byte is added."""
    program = shutil.which("ar") or pytest.fail("ar is missing: apt-get install binutils")
    contents = {"debian-binary": "2.0\n", "odd": "odd", "last": "end."}
    for name, text in contents.items():
        (tmp_path / name).write_text(text)
    write_ar(tmp_path / "x.ar", {name: tmp_path / name for name in contents}, EPOCH)
    for name, text in contents.items():
        assert subprocess.check_output([program, "p", tmp_path / "x.ar", name], text=True) == text
    assert subprocess.check_output([program, "t", tmp_path / "x.ar"], text=True).split() == list(contents)


def test_a_missing_xz_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archive, "find_program", lambda name: None)
    with pytest.raises(StepError, match="Missing: xz"):
        write_tar(tmp_path, tmp_path / "x.tar.xz", "x", EPOCH)


def test_a_failing_xz_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = tmp_path / "xz"
    script.write_text("#!/bin/sh\ncat >/dev/null\nexit 3\n")
    script.chmod(0o755)
    monkeypatch.setattr(archive, "find_program", lambda name: str(script))
    with pytest.raises(StepError, match="exit code 3"):
        write_tar(tmp_path, tmp_path / "x.tar.xz", "x", EPOCH)
