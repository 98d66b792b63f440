"""A folder's hash covers its names and its bytes, and nothing else."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from installers.common.tree import copy_files, tree_bytes, tree_hash


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "folder"
    (made / "below").mkdir(parents=True)
    (made / "one").write_text("1")
    (made / "below" / "two").write_text("22")
    return made


def test_a_copy_is_the_same(folder: Path, tmp_path: Path) -> None:
    copy_files(folder, tmp_path / "copy")
    os.utime(tmp_path / "copy" / "one", (1, 1))
    (tmp_path / "copy" / "below" / "two").chmod(0o600)
    assert tree_hash(tmp_path / "copy") == tree_hash(folder)
    assert tree_bytes(folder) == 3


def test_another_byte_or_name_is_not(folder: Path) -> None:
    before = tree_hash(folder)
    (folder / "one").write_text("2")
    assert tree_hash(folder) != before
    (folder / "one").write_text("1")
    assert tree_hash(folder) == before
    (folder / "one").rename(folder / "three")
    assert tree_hash(folder) != before


def test_only_what_is_wanted_is_copied(folder: Path, tmp_path: Path) -> None:
    copy_files(folder, tmp_path / "copy", lambda path: path != Path("below", "two"))
    assert [path.name for path in (tmp_path / "copy").rglob("*")] == ["one"]
