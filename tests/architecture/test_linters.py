"""ruff, and mypy as each of the three systems sees the code."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.architecture.sources import PACKAGES, ROOT


def run(*argv: str) -> None:
    """Run a checker of this environment; fail with what it printed."""
    done = subprocess.run([sys.executable, "-m", *argv], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"


def test_ruff_check() -> None:
    run("ruff", "check", *PACKAGES)


def test_ruff_format() -> None:
    run("ruff", "format", "--check", *PACKAGES)


# The tests themselves run on Linux and macOS; what is shipped has to be right for Windows too.
SHIPPED = ("-p", "vm", "-p", "engine", "-p", "desktop", "-p", "installers")


@pytest.mark.parametrize(("platform", "packages"), [("linux", ()), ("darwin", ()), ("win32", SHIPPED)])
def test_mypy(platform: str, packages: tuple[str, ...]) -> None:
    run("mypy", "--platform", platform, "--cache-dir", f".mypy_cache/{platform}", *packages)
