"""Of Qt's own texts the package has those in the window's languages."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PySide6.QtCore import QLibraryInfo

from desktop.ui.words import ENGLISH, offered
from installers.common.packages import leave_out
from installers.windows.wheels import QT_LEFT_OUT

INSTALLED = Path(QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath))


def test_the_windows_languages_stay(tmp_path: Path) -> None:
    if not INSTALLED.is_dir():
        pytest.fail(f"Qt has no texts at {INSTALLED}")
    shutil.copytree(INSTALLED, tmp_path / "translations")
    leave_out(tmp_path, QT_LEFT_OUT)
    kept = {path.name for path in (tmp_path / "translations").iterdir()}
    assert kept == {f"qtbase_{name}.qm" for name in offered() if name != ENGLISH}
