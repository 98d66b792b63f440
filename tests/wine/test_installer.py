"""The installer on Windows: silently installed, used by name, replaced while it runs, and removed without a trace.

The installer is the released one but for its compression, and for docker's plugins and the machine's image.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from installers.common.product import version
from installers.common.tree import files_below
from installers.windows.nsis.build import build_installer
from tests.wine.installed import title_of_window, wait_for_supervisor
from tests.wine.prefix import fresh_prefix
from tests.wine.registry import registry, value
from tests.wine.system import Completed, WineSystem

SETUP = r"C:\setup\Slipway-test.exe"
USERS = r"C:\users\slipway\AppData\Local\Programs\Slipway"
DATA = r"C:\users\slipway\AppData\Local\Slipway"
CONFIG = r"C:\users\slipway\.docker\config.json"
LISTED = r"Software\Microsoft\Windows\CurrentVersion\Uninstall\Slipway"
OF_USER = "HKEY_CURRENT_USER"
OF_ALL = "HKEY_LOCAL_MACHINE"
VARIABLES = {OF_USER: "Environment", OF_ALL: r"SYSTEM\CurrentControlSet\Control\Session Manager\Environment"}
OLD_PATH = ";".join(rf"C:\tools\number {number}\bin" for number in range(60)) + r";%USERPROFILE%\bin"
"""Longer than what NSIS can hold."""

SECONDS = 400.0
IN_USE, FAILED = 3, 2


class Computer:
    """A Windows for which Slipway has an installer."""

    def __init__(self, wine: WineSystem) -> None:
        self.wine = wine

    def install(self, *options: str) -> Completed:
        return self.wine.run([SETUP, "/S", *options], seconds=SECONDS)

    def uninstall(self, folder: str, *options: str) -> None:
        """Remove Slipway silently; returns when that has ended: the uninstaller works on from a copy of itself."""
        done = self.wine.run([rf"{folder}\uninstall.exe", "/S", *options], seconds=SECONDS)
        assert done.code == 0, done
        end = time.monotonic() + SECONDS
        while any("Slipway" in key for key in registry(self.wine, OF_USER, OF_ALL) if LISTED in key):
            assert time.monotonic() < end, self.files(folder)
            time.sleep(1)

    def slipway(self, folder: str, *arguments: str) -> Completed:
        return self.wine.run([rf"{folder}\bin\slipway.exe", *arguments], seconds=SECONDS)

    def files(self, folder: str) -> set[str]:
        """The files below a folder; empty when there is none."""
        top = self.wine.host_path(folder)
        return {path.relative_to(top).as_posix() for path in files_below(top)} if top.exists() else set()

    def everything(self) -> set[str]:
        """All files and folders but those that Wine and NSIS leave anyway, and the data."""
        data = self.wine.host_path(DATA)
        own = ("windows/", "users/slipway/AppData/Local/Temp/", "users/slipway/Desktop/Slipway.desktop")
        found = {
            path.relative_to(self.wine.drive_c).as_posix()
            for path in self.wine.drive_c.rglob("*")
            if not path.is_relative_to(data)
        }
        return {name for name in found if not name.startswith(own)}


def entries(path: str) -> list[str]:
    """The folders on a PATH; Wine's MSI leaves an empty one behind."""
    return [entry for entry in path.split(";") if entry]


@pytest.fixture(scope="module")
def computer(payload: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Computer]:
    """A Windows whose user has a long PATH and a Docker configuration."""
    setup = tmp_path_factory.mktemp("setup")
    build_installer(payload, setup / "Slipway-test.exe", quickly=True)
    with WineSystem(fresh_prefix(), {setup: r"C:\setup"}) as wine:
        added = ["reg", "add", rf"{OF_USER}\Environment", "/v", "Path", "/t", "REG_EXPAND_SZ", "/d", OLD_PATH]
        assert wine.run(added).code == 0
        wine.host_path(CONFIG).parent.mkdir()
        wine.host_path(CONFIG).write_text('{"auths": {}}', encoding="utf-8")
        wine.host_path(USERS).parent.mkdir(exist_ok=True)
        yield Computer(wine)


@pytest.fixture(scope="module")
def before(computer: Computer) -> tuple[set[str], set[str]]:
    """Files and registry before anything of Slipway's was there."""
    return computer.everything(), registry(computer.wine, OF_USER, OF_ALL)


@pytest.fixture(scope="module")
def installed(computer: Computer, before: object) -> Computer:
    """Slipway is installed for one user."""
    done = computer.install()
    assert done.code == 0, done
    return computer


def test_every_file_is_there(installed: Computer, payload: Path) -> None:
    wanted = {path.relative_to(payload).as_posix() for path in files_below(payload)}
    assert installed.files(USERS) == {*wanted, "uninstall.exe"}
    for name in ("Slipway.exe", "python/python313.dll"):
        assert (installed.wine.host_path(USERS) / name).read_bytes() == (payload / name).read_bytes()


def test_windows_lists_it(installed: Computer) -> None:
    found = {name: value(installed.wine, OF_USER, LISTED, name) for name in ("DisplayName", "DisplayVersion")}
    assert found == {"DisplayName": "Slipway", "DisplayVersion": version()}
    assert value(installed.wine, OF_USER, LISTED, "InstallLocation") == USERS
    assert value(installed.wine, OF_USER, LISTED, "DisplayIcon") == rf"{USERS}\Slipway.exe"
    assert int(value(installed.wine, OF_USER, LISTED, "EstimatedSize"), 16) > 100_000


def test_it_is_in_the_start_menu_and_not_on_the_desktop(installed: Computer) -> None:
    menu = r"C:\users\slipway\AppData\Roaming\Microsoft\Windows\Start Menu\Programs\Slipway.lnk"
    assert installed.wine.host_path(menu).is_file()
    assert not installed.wine.host_path(r"C:\users\slipway\Desktop\Slipway.lnk").exists()


def test_a_long_path_keeps_all_and_ends_with_ours(installed: Computer) -> None:
    stored = value(installed.wine, OF_USER, VARIABLES[OF_USER], "Path")
    assert stored == rf"{OLD_PATH};{USERS}\bin;{USERS}\docker"


def test_it_starts_by_its_name(installed: Computer) -> None:
    """Of the user's PATH, Wine gives only the first 1,024 characters to programs, so this is its end."""
    stored = entries(value(installed.wine, OF_USER, VARIABLES[OF_USER], "Path"))
    path = {"PATH": ";".join(stored[-2:])}
    done = installed.wine.run(["cmd", "/c", "slipway --version"], path)
    assert (done.code, done.output.strip()) == (0, f"slipway {version()}"), done
    done = installed.wine.run(["cmd", "/c", "docker --version"], path)
    assert done.output.startswith("Docker version 28.5.2"), done


def test_an_upgrade_while_it_runs(installed: Computer) -> None:
    """Window and supervisor are ended. What is old goes; data, and files of the user's own, stay."""
    wine = installed.wine
    window = wine.popen([rf"{USERS}\Slipway.exe"])
    supervisor = wait_for_supervisor(wine, USERS)
    disk = wine.host_path(DATA) / "machine" / "data.qcow2"
    disk.write_bytes(b"the user's")
    (wine.host_path(USERS) / "vm" / "of_an_older_version.py").write_text("", encoding="ascii")
    (wine.host_path(USERS) / "notes.txt").write_text("mine", encoding="ascii")
    done = installed.install("/DesktopIcon")
    assert done.code == 0, done
    assert window.wait() == 0
    assert str(supervisor) not in wine.run(["tasklist"]).output.split()
    assert disk.read_bytes() == b"the user's"
    assert "vm/of_an_older_version.py" not in installed.files(USERS)
    assert "notes.txt" in installed.files(USERS)
    assert (installed.files(f"{USERS}.old"), installed.files(f"{USERS}.new")) == (set(), set())
    assert entries(value(wine, OF_USER, VARIABLES[OF_USER], "Path")).count(rf"{USERS}\bin") == 1
    assert wine.host_path(r"C:\users\slipway\Desktop\Slipway.lnk").is_file()
    (wine.host_path(USERS) / "notes.txt").unlink()


def test_a_program_that_uses_the_files_stops_an_upgrade(installed: Computer) -> None:
    """The old version works on, and nothing of the new one is left."""
    program = installed.wine.popen([rf"{USERS}\python\python.exe", "-c", "import time; time.sleep(600)"])
    before = installed.files(USERS)
    try:
        assert installed.install().code == IN_USE
    finally:
        program.kill()
    assert installed.files(USERS) == before
    assert (installed.files(f"{USERS}.old"), installed.files(f"{USERS}.new")) == (set(), set())
    assert installed.slipway(USERS, "--version").code == 0


def test_what_an_earlier_upgrade_has_left_is_removed(installed: Computer) -> None:
    """And a file of the user's own in there gets back its place."""
    wine = installed.wine
    left = wine.host_path(f"{USERS}.old")
    (left / "vm").mkdir(parents=True)
    (left / "vm" / "open_then.py").write_text("", encoding="ascii")
    (left / "notes.txt").write_text("mine", encoding="ascii")
    done = installed.install()
    assert done.code == 0, done
    assert not left.exists()
    assert "vm/open_then.py" not in installed.files(USERS)
    (wine.host_path(USERS) / "notes.txt").unlink()


def test_a_failure_leaves_the_old_version_as_it_was(installed: Computer) -> None:
    """Something has the name that the old folder needs for a moment."""
    before, in_the_way = installed.files(USERS), installed.wine.host_path(f"{USERS}.old")
    in_the_way.write_text("no folder", encoding="ascii")
    try:
        assert installed.install().code == FAILED
    finally:
        in_the_way.unlink()
    assert installed.files(USERS) == before
    assert not installed.wine.host_path(f"{USERS}.new").exists()
    assert installed.slipway(USERS, "--version").code == 0


def test_one_installer_at_a_time(installed: Computer) -> None:
    first = installed.wine.popen([SETUP])
    try:
        assert title_of_window(installed.wine, first).startswith("Slipway")
        assert installed.install().code == FAILED
    finally:
        first.kill()


@pytest.mark.parametrize("folder", [r"C:\windows", DATA])
def test_a_folder_of_others_is_refused(installed: Computer, folder: str) -> None:
    before = installed.files(folder)
    assert installed.install(f"/D={folder}").code == FAILED
    assert installed.files(folder) == before


def test_removal_leaves_only_the_data(
    installed: Computer, before: tuple[set[str], set[str]], payload: Path
) -> None:
    """Docker's context and the start at login go too."""
    wine = installed.wine
    disk = wine.host_path(DATA) / "machine" / "data.qcow2"
    disk.parent.mkdir(parents=True, exist_ok=True)
    disk.write_bytes(b"the user's")
    assert installed.slipway(USERS, "context", "use").code == 0
    assert json.loads(wine.host_path(CONFIG).read_text())["currentContext"] == "slipway"
    assert installed.slipway(USERS, "settings", "set", "start_at_login", "true").code == 0
    login = value(wine, OF_USER, r"Software\Microsoft\Windows\CurrentVersion\Run", "slipway")
    assert login == rf"{USERS}\Slipway.exe --background"
    installed.uninstall(USERS)
    files, keys = before
    assert installed.everything() == files
    assert registry(wine, OF_USER, OF_ALL) == keys
    assert json.loads(wine.host_path(CONFIG).read_text()) == {"auths": {}}
    assert disk.read_bytes() == b"the user's"


def test_for_all_users_in_another_folder_and_the_data_deleted(
    computer: Computer, before: tuple[set[str], set[str]]
) -> None:
    folder = r"C:\Ours\Slipway"
    path = value(computer.wine, OF_ALL, VARIABLES[OF_ALL], "Path")
    done = computer.install("/ALLUSERS", f"/D={folder}")
    assert done.code == 0, done
    assert value(computer.wine, OF_ALL, LISTED, "InstallLocation") == folder
    assert value(computer.wine, OF_ALL, VARIABLES[OF_ALL], "Path") == rf"{path};{folder}\bin;{folder}\docker"
    assert computer.slipway(folder, "--version").code == 0
    assert computer.wine.host_path(DATA).exists()
    computer.uninstall(folder, "/DELETEDATA")
    files, keys = before
    assert computer.everything() - {"Ours"} == files
    assert registry(computer.wine, OF_USER, OF_ALL) == keys
    assert not computer.wine.host_path(DATA).exists()
