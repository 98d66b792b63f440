"""The launch that is written into menus and logins: its command, and what another installation adds."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from desktop.system.base import Launch
from vm.host import host, programs
from vm.host.paths import Paths


def test_of_the_default_installation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SLIPWAY_HOME", raising=False)
    monkeypatch.delenv("SLIPWAY_CACHE", raising=False)
    launch = Launch.of(host().paths(), background=True)
    assert launch.name == "slipway"
    assert launch.command == (sys.executable, "-m", "desktop.cli", "open", "--background")
    assert launch.environment == {}


def test_a_package_with_a_launcher(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows' package: the window's own program, whatever runs this."""
    (tmp_path / "Slipway.exe").touch()
    monkeypatch.setattr(programs, "installation", lambda: tmp_path)
    launch = Launch.of(host().paths(), background=True)
    assert launch.command == (str(tmp_path / "Slipway.exe"), "--background")
    assert Launch.of(host().paths()).command == (str(tmp_path / "Slipway.exe"),)


def test_another_installation_has_entries_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_HOME", str(tmp_path / "a"))
    one, two = (Launch.of(Paths(tmp_path / name, tmp_path)) for name in "ab")
    assert len({one.name, two.name, "slipway"}) == 3
    assert one.environment["SLIPWAY_HOME"] == str(tmp_path / "a")
    assert one.command[-1] == "open"
