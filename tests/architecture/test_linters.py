"""ruff, and mypy as each of the three systems sees the code."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.architecture.mypy_cache import UNUSED_SECONDS, mypy_cache, remove_unused
from tests.architecture.sources import PACKAGES, ROOT


def run(*argv: str) -> None:
    """Run a checker of this environment; fail with what it printed."""
    done = subprocess.run([sys.executable, "-m", *argv], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"\n{done.stdout}{done.stderr}"


def test_ruff_check() -> None:
    run("ruff", "check", *PACKAGES)


def test_ruff_format() -> None:
    run("ruff", "format", "--check", *PACKAGES)


def test_codespell() -> None:
    """Typing slips in code and prose; pyproject.toml lists the words that are none."""
    prose = sorted(path.name for path in ROOT.glob("*.md"))
    run("codespell_lib", *PACKAGES, *prose, "assets", "pyproject.toml", ".ci")


# The tests themselves run on Linux and macOS; what is shipped has to be right for Windows too.
SHIPPED = ("-p", "vm", "-p", "engine", "-p", "desktop", "-p", "installers")


@pytest.mark.parametrize(("platform", "packages"), [("linux", ()), ("darwin", ()), ("win32", SHIPPED)])
def test_mypy(platform: str, packages: tuple[str, ...]) -> None:
    with mypy_cache(platform) as folder:
        run("mypy", "--platform", platform, "--cache-dir", str(folder), *packages)


def test_a_kept_cache_comes_back(tmp_path: Path) -> None:
    with mypy_cache("linux", tmp_path) as folder:
        assert not folder.exists()
        folder.mkdir()
        (folder / "types").write_text("one")
    with mypy_cache("linux", tmp_path) as folder, mypy_cache("linux", tmp_path) as other:
        assert (folder / "types").read_text() == (other / "types").read_text() == "one"
        (folder / "types").write_text("two")
    with mypy_cache("linux", tmp_path) as folder, mypy_cache("darwin", tmp_path) as other:
        assert (folder / "types").read_text() == "two"
        assert not other.exists()


def test_only_unused_caches_are_removed(tmp_path: Path) -> None:
    for name, age in (("old", UNUSED_SECONDS + 60), ("used", 60), ("ours", UNUSED_SECONDS + 60)):
        (tmp_path / name).mkdir()
        then = time.time() - age
        os.utime(tmp_path / name, (then, then))
    remove_unused(tmp_path, keep="ours")
    assert {path.name for path in tmp_path.iterdir()} == {"used", "ours"}
