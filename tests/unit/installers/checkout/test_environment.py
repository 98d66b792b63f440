"""When the virtual environment is made or renewed."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from installers.checkout import environment
from installers.checkout.console import StepError


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A checkout elsewhere, whose steps are only written down."""
    done: list[str] = []

    def note(title: str, argv: Sequence[str | Path]) -> str:
        done.append(title)
        if "venv" in argv:
            scripts = environment.program("python", tmp_path / ".venv")
            scripts.parent.mkdir(parents=True, exist_ok=True)
            scripts.unlink(missing_ok=True)
            scripts.symlink_to(sys.executable)
        return ""

    (tmp_path / "pyproject.toml").write_text("one")
    (tmp_path / "lock").write_text("one")
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "LOCK", tmp_path / "lock")
    monkeypatch.setattr(environment, "FOLDER", tmp_path / ".venv")
    monkeypatch.setattr(environment, "program", lambda name, _=None: tmp_path / ".venv" / "bin" / name)
    monkeypatch.setattr(environment, "run_quietly", note)
    return done


EVERYTHING = ("making the virtual environment", "installing Python packages", "installing Slipway into it")


def test_made_once(steps: list[str]) -> None:
    environment.prepare()
    assert steps == [*EVERYTHING]
    environment.prepare()
    assert steps == [*EVERYTHING]


def test_a_new_lock_makes_it_anew(steps: list[str]) -> None:
    environment.prepare()
    environment.LOCK.write_text("two")
    environment.prepare()
    assert steps == [*EVERYTHING, *EVERYTHING]


def test_a_new_pyproject_installs_only_slipway(steps: list[str]) -> None:
    environment.prepare()
    (environment.ROOT / "pyproject.toml").write_text("two")
    environment.prepare()
    assert steps == [*EVERYTHING, "installing Slipway into it"]


def test_a_broken_one_is_made_anew(steps: list[str]) -> None:
    environment.prepare()
    environment.program("python").unlink()
    environment.prepare()
    assert steps == [*EVERYTHING, *EVERYTHING]


def test_one_that_was_interrupted_is_made_anew(steps: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(title: str, argv: Sequence[str | Path]) -> str:
        raise StepError(title)

    monkeypatch.setattr(environment, "run_quietly", interrupt)
    with pytest.raises(StepError):
        environment.prepare()
    assert environment.read_stamp() == {}


def test_a_link_to_that_of_another_checkout_is_left_alone(steps: list[str], tmp_path: Path) -> None:
    """venv would clear what other checkouts run from."""
    other = tmp_path / "other"
    other.mkdir()
    environment.FOLDER.symlink_to(other)
    with pytest.raises(StepError, match="is a link"):
        environment.prepare()
    assert steps == []
