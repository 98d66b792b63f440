"""The PATH variable gains one folder, or loses it, and nothing else of it changes."""

from __future__ import annotations

import pytest

from desktop.installation.__main__ import main
from desktop.installation.path import add, remove

OURS = r"C:\Program Files\Slipway\bin"
LONG = ";".join(rf"C:\tools\number {number}\bin" for number in range(400))
"""Longer than what NSIS can hold, and than what ``setx`` keeps."""


class Stored:
    """A variable in memory."""

    def __init__(self, value: str) -> None:
        self.value = value
        self.writes = 0

    def read(self) -> str:
        return self.value

    def write(self, value: str) -> None:
        self.value = value
        self.writes += 1


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", OURS),
        (r"%USERPROFILE%\bin", rf"%USERPROFILE%\bin;{OURS}"),
        (r"C:\a;;C:\b;", rf"C:\a;;C:\b;{OURS}"),
        (LONG, f"{LONG};{OURS}"),
    ],
)
def test_it_is_added_at_the_end(before: str, after: str) -> None:
    variable = Stored(before)
    assert add(variable, OURS)
    assert variable.value == after
    assert not add(variable, OURS)
    assert variable.writes == 1


@pytest.mark.parametrize("before", ["", r"C:\a", r"C:\a;;C:\b", LONG])
def test_removing_undoes_adding(before: str) -> None:
    variable = Stored(before)
    add(variable, OURS)
    assert remove(variable, OURS)
    assert variable.value == before
    assert not remove(variable, OURS)


@pytest.mark.parametrize("spelling", [OURS.upper(), f"{OURS}\\", f'"{OURS}"', OURS.replace("\\", "/"), f" {OURS}"])
def test_other_spellings_are_the_same_folder(spelling: str) -> None:
    variable = Stored(rf"C:\a;{spelling};C:\b")
    assert not add(variable, OURS)
    assert remove(variable, OURS)
    assert variable.value == r"C:\a;C:\b"


def test_a_folder_below_is_another_one() -> None:
    variable = Stored(rf"{OURS}\more")
    assert not remove(variable, OURS)
    assert add(variable, OURS)


def test_only_windows_stores_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["path", "add", OURS]) == 1
    assert capsys.readouterr().out == "The PATH is changed on Windows only\n"
