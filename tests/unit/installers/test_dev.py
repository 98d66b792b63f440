"""The entry point: which Python goes on."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from installers import dev
from installers.checkout import environment
from tests.unit.installers.notes import noting


def test_old_pythons_can_read_it() -> None:
    source = Path(dev.__file__).read_text()
    ast.parse(source, feature_version=(3, 6))
    assert "from __future__ import annotations" not in source  # unknown to 3.6


def test_the_oldest_python_is_the_projects() -> None:
    text = (environment.ROOT / "pyproject.toml").read_text()
    assert f'requires-python = ">={dev.OLDEST[0]}.{dev.OLDEST[1]}"' in text


def test_an_old_python_without_a_newer_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], programs: Callable[..., None]
) -> None:
    programs("python3")  # which starts, and is no Python
    monkeypatch.setattr(dev, "OLDEST", (99, 0))
    assert dev.main(["run"]) == 1
    assert "Slipway needs Python 99.0 or newer" in capsys.readouterr().err


def test_an_old_python_hands_over(
    monkeypatch: pytest.MonkeyPatch, programs: Callable[..., None], tmp_path: Path
) -> None:
    programs("python3", "python3.13", "python3.10")
    called: list[str] = []

    def call(argv: list[str], env: dict[str, str]) -> int:
        return noting(called, result=7)([*argv, env[dev.GUARD]])

    monkeypatch.setattr(sys, "version_info", (3, 8, 1))
    monkeypatch.setattr(dev, "is_new_enough", lambda name: name == "python3.13")
    monkeypatch.setattr(subprocess, "call", call)
    assert dev.main(["test", "-x"]) == 7
    assert called == ["python3.13", str(Path(dev.__file__).resolve()), "test", "-x", "python3.13"]


def test_it_hands_over_only_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", (3, 8, 1))
    monkeypatch.setenv(dev.GUARD, "python3.13")
    monkeypatch.setattr(dev, "find_newer", lambda: pytest.fail("looked again"))
    assert dev.main([]) == 1


def test_this_python_is_new_enough() -> None:
    assert dev.is_new_enough(sys.executable)
    assert not dev.is_new_enough("no-such-python")
