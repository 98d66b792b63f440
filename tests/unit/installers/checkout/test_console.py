"""How a step is run and told."""

from __future__ import annotations

import sys

import pytest

from installers.checkout.console import StepError, run_quietly


def test_quiet_when_it_works(capsys: pytest.CaptureFixture[str]) -> None:
    out = run_quietly("doing it", [sys.executable, "-c", "import os; print(os.environ['GIVEN'])"], {"GIVEN": "x"})
    assert out.strip() == "x"
    assert capsys.readouterr() == ("", "· doing it\n")


def test_all_is_told_when_it_fails() -> None:
    with pytest.raises(StepError, match=r"(?s)doing it: failed with exit code 3.*the reason"):
        run_quietly("doing it", [sys.executable, "-c", "import sys; print('the reason'); sys.exit(3)"])


def test_a_program_that_is_not_there() -> None:
    with pytest.raises(StepError, match="no-such-program cannot be started"):
        run_quietly("doing it", ["no-such-program"])
