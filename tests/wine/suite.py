"""Runs the window's tests by the package's own Python and Windows' Qt; pytest comes along, as it is not in it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from installers.checkout.environment import LOCK, ROOT
from installers.common.packages import install
from installers.common.store import keep, key_of
from installers.common.tree import copy_files
from installers.windows.wheels import FOR_WINDOWS, WHEELS_LOCK
from tests.wine.prefix import fresh_prefix
from tests.wine.root import cache_folder
from tests.wine.system import Completed, WineSystem
from tests.wine.windows import INSTALLED, PYTHON

PYTEST = (
    *("pytest", "pluggy", "iniconfig", "packaging", "pygments"),
    *("pytest-asyncio", "pytest-qt", "pytest-timeout"),
    *("hypothesis", "sortedcontainers"),
)
"""The tests' own packages; what else they need is in the package."""

QT = ("pyside6-essentials",)
QT_TEST = ("QtTest.pyd", "Qt6Test.dll")
"""What the package leaves out of Qt."""

FOLDER, LIBRARIES = r"C:\suite", r"C:\libraries"
SOURCES = ("tests", "pyproject.toml", "installers")


def libraries() -> Path:
    """A folder ``site-packages`` of pytest, and one with Qt's module for tests; both kept in the cache."""
    locks = (chosen(LOCK, PYTEST), chosen(WHEELS_LOCK, QT))

    def make(folder: Path) -> None:
        for lock, name in zip(locks, ("site-packages", "qt"), strict=True):
            (folder / f"{name}.lock").write_text(lock)
            install(folder / f"{name}.lock", folder / name, *FOR_WINDOWS)
        unpacked = folder / "qt"
        (folder / "PySide6").mkdir()
        for name in QT_TEST:
            (unpacked / "PySide6" / name).rename(folder / "PySide6" / name)
        shutil.rmtree(unpacked)

    return keep("windows-pytest", key_of(*locks, *FOR_WINDOWS, *QT_TEST), make, cache_folder())


def chosen(lock: Path, names: Sequence[str]) -> str:
    """The entries of a lock file for these packages, with their hashes."""
    entries = re.split(r"\n(?=\S)", lock.read_text())
    found = {entry.split("==")[0]: entry for entry in entries if "==" in entry}
    return "".join(f"{found[name]}\n" for name in names)


ENTER = rf"""
import os, sys
libraries = r"{LIBRARIES}"
sys.path[:0] = [r"{FOLDER}", libraries + r"\site-packages"]
os.add_dll_directory(libraries + r"\PySide6")
import PySide6
PySide6.__path__.append(libraries + r"\PySide6")
import pytest
raise SystemExit(pytest.main(sys.argv[1:]))
"""
"""The package's Python heeds no variable that would add to its path."""


@contextmanager
def suite_system(payload: Path) -> Iterator[WineSystem]:
    """A Windows with the package, the tests' libraries and the tests."""
    with WineSystem(fresh_prefix(), {payload: INSTALLED, libraries(): LIBRARIES}) as wine:
        for name in SOURCES:
            source, target = ROOT / name, wine.host_path(FOLDER) / name
            if source.is_dir():
                copy_files(source, target, lambda path: "__pycache__" not in path.parts)
            else:
                target.write_bytes(source.read_bytes())
        yield wine


def run_suite(wine: WineSystem, *arguments: str, seconds: float) -> Completed:
    """Run pytest there, drawn on Wine's screen. :param arguments: pytest's."""
    # Windows' event loop gives up a pipe a turn after it was closed, which is later than a window's loop lives
    late = ("-W", "default:Exception ignored in:pytest.PytestUnraisableExceptionWarning")
    common = ("-c", rf"{FOLDER}\pyproject.toml", "--rootdir", FOLDER, "-p", "no:cacheprovider", "-q", "--tb=short")
    argv = [PYTHON, "-c", ENTER, *common, *late, *arguments]
    return wine.run(argv, {"QT_QPA_PLATFORM": "windows"}, folder=FOLDER, seconds=seconds)
