"""Starting at login follows the setting, also when it is said again, and is undone with the change."""

from __future__ import annotations

from pathlib import Path

import pytest

from desktop.settings.schema import Settings
from desktop.supervisor.context import Change
from desktop.supervisor.operations.desktop_entry import DesktopEntry
from desktop.system import Launch, system
from vm.host.paths import Paths


async def test_login(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CONFIG_HOME", "XDG_DATA_HOME", "SLIPWAY_HOME"):
        monkeypatch.setenv(name, str(tmp_path / name))
    paths = Paths(tmp_path / "SLIPWAY_HOME", tmp_path / "cache")
    entry, launch = DesktopEntry(paths), Launch.of(paths, background=True)
    on, off = Settings(start_at_login=True), Settings()
    touched = frozenset({"start_at_login"})
    await entry.apply(Change(off, on, touched))
    assert system().starts_at_login(launch)
    await entry.apply(Change(on, on, frozenset({"cpus"})))
    assert system().starts_at_login(launch)
    await entry.revert(Change(off, on, touched))
    assert not system().starts_at_login(launch)
    await entry.apply(Change(on, on, touched))  # said again: what was lost is there again
    assert system().starts_at_login(launch)
    await entry.apply(Change(on, off, touched))
    assert not system().starts_at_login(launch)
