"""Starting at login and the desktop's menu, on each of the three systems; nothing outside temporary folders."""

from __future__ import annotations

import dataclasses
import plistlib
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from desktop.system.base import Launch
from desktop.system.linux import LinuxSystem, _command
from desktop.system.macos import MacSystem
from desktop.system.windows import APPROVED, RUN, WindowsSystem
from vm.errors import HostError
from vm.host import host
from vm.host.paths import Paths

LAUNCH = Launch("slipway", ("/opt/python", "-m", "desktop.cli", "open", "--background"))


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    return tmp_path


class TestLaunch:
    def test_of_the_default_installation(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("SLIPWAY_HOME", raising=False)
        monkeypatch.delenv("SLIPWAY_CACHE", raising=False)
        launch = Launch.of(host().paths(), background=True)
        assert launch.name == "slipway"
        assert launch.command == (sys.executable, "-m", "desktop.cli", "open", "--background")
        assert launch.environment == {}

    def test_another_installation_has_entries_of_its_own(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("SLIPWAY_HOME", str(tmp_path / "a"))
        one, two = (Launch.of(Paths(tmp_path / name, tmp_path)) for name in "ab")
        assert len({one.name, two.name, "slipway"}) == 3
        assert one.environment["SLIPWAY_HOME"] == str(tmp_path / "a")
        assert one.command[-1] == "open"


class TestLinux:
    def test_at_login(self, folders: Path) -> None:
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
    def test_switched_off_in_the_desktops_own_settings(self, folders: Path, line: str) -> None:
        entry = folders / "config" / "autostart" / "slipway.desktop"
        LinuxSystem().start_at_login(LAUNCH, True)
        name = line.partition("=")[0]
        kept = [text for text in entry.read_text().splitlines() if not text.startswith(name)]
        entry.write_text("\n".join([*kept, line]) + "\n")
        assert not LinuxSystem().starts_at_login(LAUNCH)

    def test_a_relative_folder_is_ignored(self, folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XDG_CONFIG_HOME", "relative")
        monkeypatch.setenv("HOME", str(folders / "home"))
        LinuxSystem().start_at_login(LAUNCH, True)
        assert (folders / "home" / ".config" / "autostart" / "slipway.desktop").exists()

    def test_the_menu(self, folders: Path) -> None:
        entry, picture = LinuxSystem().add_to_menu(LAUNCH)
        assert entry == folders / "share" / "applications" / "slipway.desktop"
        assert "<svg" in picture.read_text()
        assert "\nIcon=slipway\n" in entry.read_text()
        assert LinuxSystem().remove_from_menu(LAUNCH)
        assert not entry.exists()
        assert not picture.exists()
        assert not LinuxSystem().remove_from_menu(LAUNCH)

    @pytest.mark.parametrize(
        "word", ["a b", 'q"uote', "$HOME", "back\\slash", "100%", "tick`s", "a;b", "plain", ""]
    )
    def test_any_argument_arrives_as_it_is(self, word: str) -> None:
        """Unescaped as a string first, then unquoted, as the specification orders it."""
        text = _command(Launch("x", ("printf", "[%s]", word)))
        unescaped = text.replace("\\\\", "\0").replace("\\n", "\n").replace("\0", "\\").replace("%%", "%")
        assert subprocess.check_output(["sh", "-c", unescaped], text=True) == f"[{word}]"

    def test_variables_are_carried(self) -> None:
        text = _command(dataclasses.replace(LAUNCH, environment={"SLIPWAY_HOME": "/with space"}))
        assert shlex.split(text)[:3] == ["env", "SLIPWAY_HOME=/with space", "/opt/python"]

    def test_a_folder_that_cannot_be_written(self, folders: Path) -> None:
        (folders / "config").write_text("in the way")
        with pytest.raises(HostError, match="cannot be written"):
            LinuxSystem().start_at_login(LAUNCH, True)

    @pytest.mark.skipif(shutil.which("desktop-file-validate") is None, reason="needs desktop-file-utils")
    def test_the_entries_are_valid(self, folders: Path) -> None:
        LinuxSystem().start_at_login(LAUNCH, True)
        LinuxSystem().add_to_menu(LAUNCH)
        for entry in folders.rglob("*.desktop"):
            told = subprocess.run(["desktop-file-validate", entry], capture_output=True, text=True, check=False)
            assert (told.returncode, told.stdout) == (0, "")
            assert entry.stat().st_mode & 0o777 == 0o644


class TestMac:
    def test_at_login(self, tmp_path: Path) -> None:
        system = MacSystem(tmp_path / "LaunchAgents")
        launch = dataclasses.replace(LAUNCH, environment={"SLIPWAY_HOME": "/x"})
        system.start_at_login(launch, True)
        agent = tmp_path / "LaunchAgents" / "org.slipway.slipway.plist"
        found = plistlib.loads(agent.read_bytes())
        assert found["ProgramArguments"] == list(LAUNCH.command)
        assert found["EnvironmentVariables"] == {"SLIPWAY_HOME": "/x"}
        assert found["RunAtLoad"] is True
        assert system.starts_at_login(launch)
        assert not system.starts_at_login(LAUNCH)
        system.start_at_login(launch, False)
        assert not system.starts_at_login(launch)
        assert list(agent.parent.iterdir()) == []

    def test_the_menu_is_the_installers(self, tmp_path: Path) -> None:
        with pytest.raises(HostError, match="installer"):
            MacSystem(tmp_path).add_to_menu(LAUNCH)


class FakeRegistry:
    """A registry in memory."""

    def __init__(self) -> None:
        self.values: dict[tuple[str, str], str | bytes] = {}

    def get(self, key: str, name: str) -> str | bytes | None:
        return self.values.get((key, name))

    def set(self, key: str, name: str, value: str) -> None:
        self.values[key, name] = value

    def delete(self, key: str, name: str) -> None:
        self.values.pop((key, name), None)


class TestWindows:
    LAUNCH = Launch("slipway", (r"C:\Program Files\Slipway\python.exe", "-m", "desktop.cli", "open"))

    def test_at_login(self) -> None:
        registry = FakeRegistry()
        system = WindowsSystem(registry)
        system.start_at_login(self.LAUNCH, True)
        assert registry.values == {(RUN, "slipway"): r'"C:\Program Files\Slipway\pythonw.exe" -m desktop.cli open'}
        assert system.starts_at_login(self.LAUNCH)
        system.start_at_login(self.LAUNCH, False)
        assert registry.values == {}

    def test_switched_off_in_the_task_manager(self) -> None:
        registry = FakeRegistry()
        system = WindowsSystem(registry)
        system.start_at_login(self.LAUNCH, True)
        registry.values[APPROVED, "slipway"] = b"\x03" + bytes(11)
        assert not system.starts_at_login(self.LAUNCH)
        system.start_at_login(self.LAUNCH, True)  # whoever sets it here wants it
        assert system.starts_at_login(self.LAUNCH)
