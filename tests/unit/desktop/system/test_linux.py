"""Linux: desktop entries for the applications' menu and for the login."""

from __future__ import annotations

import dataclasses
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from desktop.system.base import Launch
from desktop.system.linux import LinuxSystem
from vm.errors import HostError

LAUNCH = Launch("slipway", ("/opt/python", "-m", "desktop.cli", "open", "--background"))


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    return tmp_path


def exec_line(folders: Path, launch: Launch) -> str:
    """The command in the login's entry, as it is written there."""
    LinuxSystem().start_at_login(launch, True)
    entry = (folders / "config" / "autostart" / "slipway.desktop").read_text()
    return next(line.removeprefix("Exec=") for line in entry.splitlines() if line.startswith("Exec="))


def test_at_login(folders: Path) -> None:
    entry = folders / "config" / "autostart" / "slipway.desktop"
    system = LinuxSystem()
    assert not system.starts_at_login(LAUNCH)
    system.start_at_login(LAUNCH, True)
    assert system.starts_at_login(LAUNCH)
    assert not system.starts_at_login(dataclasses.replace(LAUNCH, command=("/elsewhere", "open")))
    system.start_at_login(LAUNCH, False)
    system.start_at_login(LAUNCH, False)
    assert not entry.exists()


@pytest.mark.parametrize("line", ["Hidden=true", "X-GNOME-Autostart-enabled=false"])
def test_switched_off_in_the_desktops_own_settings(folders: Path, line: str) -> None:
    entry = folders / "config" / "autostart" / "slipway.desktop"
    LinuxSystem().start_at_login(LAUNCH, True)
    name = line.partition("=")[0]
    kept = [text for text in entry.read_text().splitlines() if not text.startswith(name)]
    entry.write_text("\n".join([*kept, line]) + "\n")
    assert not LinuxSystem().starts_at_login(LAUNCH)


def test_a_relative_folder_is_ignored(folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
    monkeypatch.setenv("HOME", str(folders / "home"))
    LinuxSystem().start_at_login(LAUNCH, True)
    assert (folders / "home" / ".config" / "autostart" / "slipway.desktop").exists()


def test_the_menu(folders: Path) -> None:
    entry, picture = LinuxSystem().add_to_menu(LAUNCH)
    assert entry == folders / "share" / "applications" / "slipway.desktop"
    assert "<svg" in picture.read_text()
    assert "\nIcon=slipway\n" in entry.read_text()
    assert LinuxSystem().remove_from_menu(LAUNCH)
    assert not entry.exists()
    assert not picture.exists()
    assert not LinuxSystem().remove_from_menu(LAUNCH)


@pytest.mark.parametrize("word", ["a b", 'q"uote', "$HOME", "back\\slash", "100%", "tick`s", "a;b", "plain", ""])
def test_any_argument_arrives_as_it_is(folders: Path, word: str) -> None:
    """Unescaped as a string first, then unquoted, as the specification orders it."""
    text = exec_line(folders, Launch("slipway", ("printf", "[%s]", word)))
    unescaped = text.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\").replace("%%", "%")
    assert subprocess.check_output(["sh", "-c", unescaped], text=True) == f"[{word}]"


def test_variables_are_carried(folders: Path) -> None:
    text = exec_line(folders, dataclasses.replace(LAUNCH, environment={"SLIPWAY_HOME": "/with space"}))
    assert shlex.split(text)[:3] == ["env", "SLIPWAY_HOME=/with space", "/opt/python"]


def test_a_folder_that_cannot_be_written(folders: Path) -> None:
    (folders / "config").write_text("in the way")
    with pytest.raises(HostError, match="cannot be written"):
        LinuxSystem().start_at_login(LAUNCH, True)


@pytest.mark.skipif(shutil.which("desktop-file-validate") is None, reason="needs desktop-file-utils")
def test_the_entries_are_valid(folders: Path) -> None:
    LinuxSystem().start_at_login(LAUNCH, True)
    LinuxSystem().add_to_menu(LAUNCH)
    for entry in folders.rglob("*.desktop"):
        told = subprocess.run(["desktop-file-validate", entry], capture_output=True, text=True, check=False)
        assert (told.returncode, told.stdout) == (0, "")
        assert entry.stat().st_mode & 0o777 == 0o644
