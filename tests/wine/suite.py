"""Runs the window's tests by the package's own Python and Windows' Qt; pytest comes along, as it is not in it."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path

from installers.checkout.environment import LOCK
from installers.common.store import keep, key_of
from installers.windows.wheels import FOR_WINDOWS, WHEELS_LOCK, install
from tests.wine.root import cache_folder

PYTEST = (
    *("pytest", "pluggy", "iniconfig", "packaging", "pygments"),
    *("pytest-asyncio", "pytest-qt", "pytest-timeout"),
    *("hypothesis", "sortedcontainers"),
)
"""The tests' own packages; what else they need is in the package."""

QT = ("pyside6-essentials",)
QT_TEST = ("QtTest.pyd", "Qt6Test.dll")
"""What the package leaves out of Qt."""

FOLDER = r"C:\suite"
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
