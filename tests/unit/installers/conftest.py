"""Fixtures for tests of the bootstrap: a PATH with known programs on it, a Debian where nothing is installed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from installers.checkout import system
from tests.unit.installers.notes import noting


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Make a PATH on which exactly the named programs are."""
    folder = tmp_path / "path"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setattr(system, "SYSTEM_FOLDERS", ())

    def make(*names: str) -> None:
        for name in names:
            (folder / name).write_text("#!/bin/sh\n")
            (folder / name).chmod(0o755)

    return make


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Root on Debian, where installing is only written down; the list fills with package names."""
    packages: list[str] = []
    monkeypatch.setattr(system, "is_root", lambda: True)
    monkeypatch.setattr(system, "apt_install", noting(packages))
    return packages
