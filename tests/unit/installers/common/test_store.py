"""Pieces are made once for the same inputs, whole or not at all, however many ask for them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from installers.common.store import keep, key_of


def write_word(folder: Path) -> None:
    (folder / "word").write_text("made")


def fail(folder: Path) -> None:
    write_word(folder)
    raise ValueError("half way")


def test_it_is_made_once(tmp_path: Path) -> None:
    first = keep("piece", "1", write_word, tmp_path)
    (first / "word").write_text("kept")
    assert (keep("piece", "1", fail, tmp_path) / "word").read_text() == "kept"


def test_other_inputs_make_another(tmp_path: Path) -> None:
    first = keep("piece", key_of("a"), write_word, tmp_path)
    second = keep("piece", key_of("b"), write_word, tmp_path)
    assert first != second
    assert (first / "word").read_text() == (second / "word").read_text() == "made"


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="half way"):
        keep("piece", "1", fail, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["piece.lock"]
    assert (keep("piece", "1", write_word, tmp_path) / "word").exists()


def test_every_input_counts_by_itself() -> None:
    assert key_of("ab", "c") != key_of("a", "bc")
    assert key_of("text") == key_of(b"text")


PROGRAM = """
import sys
from pathlib import Path
from installers.common.store import keep

def make(folder):
    with Path(sys.argv[1], "makers").open("a") as file:
        file.write("one\\n")
    (folder / "word").write_text("made")

print((keep("piece", "1", make, Path(sys.argv[1])) / "word").read_text())
"""


def test_processes_wait_for_the_first_of_them(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", PROGRAM, str(tmp_path)]
    asking = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate()[0] for process in asking] == ["made\n"] * 3
    assert (tmp_path / "makers").read_text() == "one\n"
