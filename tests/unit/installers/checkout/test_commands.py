"""The command line of the bootstrap."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from installers.checkout import commands, environment, lanes, system
from installers.checkout.console import StepError
from tests.unit.installers.notes import noting


def test_pytest_gets_its_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(commands, "set_up", lambda for_tests: None)
    monkeypatch.setattr(subprocess, "call", noting(called, result=5))
    assert commands.main(["test", "-k", "name", "--help"]) == 5
    assert called[5:8] == ["-k", "name", "--help"]
    assert [Path(word).name for word in called[8:]] == list(lanes.FOLDERS)
    called.clear()
    commands.main(["test", f"{__file__}::test_ctrl_c"])
    assert called[5:] == [f"{__file__}::test_ctrl_c"]


def test_the_tests_of_windows_include_the_long_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(commands, "set_up", lambda for_tests: None)
    monkeypatch.setattr(system, "ensure", lambda parts: None)
    monkeypatch.setattr(subprocess, "call", noting(called, result=3))
    assert commands.main(["wine", "test", "-x"]) == 3
    assert called[5:] == ["--run-slow", "-x", str(lanes.TESTS / "wine")]
    called.clear()
    assert commands.main(["wine"]) == 3
    assert called[1:] == ["-m", "tests.wine"]


@pytest.mark.parametrize("arguments", [[], ["--run-slow"]])
def test_all_of_them_run_in_lanes(arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    called: list[str] = []
    monkeypatch.setattr(commands, "set_up", lambda for_tests: None)
    monkeypatch.setattr(system, "ensure", lambda parts: None)
    monkeypatch.setattr(lanes, "run_lanes", noting(called, result=1))
    assert commands.main(["test", *arguments]) == 1
    assert called == arguments


def test_a_failed_step_is_told_without_a_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(for_tests: bool) -> None:
        raise StepError("Missing: something\nType this")

    monkeypatch.setattr(commands, "set_up", fail)
    assert commands.main(["run"]) == 1
    assert capsys.readouterr().err == "\nMissing: something\nType this\n"


def test_ctrl_c(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupt(for_tests: bool) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(commands, "set_up", interrupt)
    assert commands.main(["test"]) == 130
    assert "Stopped." in capsys.readouterr().err


def test_ci_runs_the_same_command() -> None:
    script = environment.ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "python3 installers/dev.py test" in script.read_text()
