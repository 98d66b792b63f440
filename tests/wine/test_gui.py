"""The window's own tests, run by the package's Python with Windows' Qt on Wine's screen: keys, dialogs, names."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wine.suite import run_suite, suite_system
from tests.wine.system import WineSystem

SECONDS = 2400.0
"""For one module: each test starts a stand-in for the supervisor, which takes seconds there."""

MODULES = ("test_accessible", "test_pages", "test_images", "test_switch", "test_run")

UNIX = "not test_the_line_runs_what_the_window_runs"
"""Has a shell of Unix run the line, which Windows does not have."""


@pytest.fixture(scope="module")
def windows_qt(payload: Path) -> Iterator[WineSystem]:
    with suite_system(payload) as made:
        yield made


@pytest.mark.timeout(SECONDS + 600)
@pytest.mark.parametrize("module", MODULES)
def test_a_module(windows_qt: WineSystem, module: str) -> None:
    done = run_suite(windows_qt, f"tests/gui/{module}.py", "-k", UNIX, "--timeout", "600", seconds=SECONDS)
    assert done.code == 0, f"{done.output}{done.errors}"
    assert " passed" in done.output.splitlines()[-1]
