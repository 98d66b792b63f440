"""Linux: desktop entries in the XDG folders, for the applications' menu and for the login.

Sources: freedesktop.org's Desktop Entry 1.5, Desktop Application Autostart 0.5, Icon Theme 0.13 and Base
Directory 0.8 specifications.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from desktop.system.base import Launch
from vm.errors import HostError
from vm.files import write_atomically
from vm.host.programs import installation

ICON = Path(__file__).resolve().parents[2] / "assets" / "icons" / "slipway.svg"

ENTRY = """[Desktop Entry]
Type=Application
Version=1.0
Name=Slipway
GenericName=Containers
Comment=Docker-style containers in a light Linux machine
Exec={command}
TryExec={program}
Icon={icon}
Terminal=false
Categories=Development;
Keywords=docker;container;image;engine;moby;compose;
StartupWMClass=slipway
"""

PACKAGED = Path("/usr/lib/slipway")
"""Where the Debian package has Slipway (installers/linux); it brings an entry for all users."""

OFF = re.compile(r"^(Hidden\s*=\s*true|X-GNOME-Autostart-enabled\s*=\s*false)\s*$", re.MULTILINE)
"""How a desktop's own settings switch an entry off without removing it."""


class LinuxSystem:
    """A desktop that keeps to the XDG specifications."""

    @property
    def no_menu(self) -> str:
        return "The package has put Slipway into the applications menu" if installation() == PACKAGED else ""

    def starts_at_login(self, launch: Launch) -> bool:
        try:
            text = self._login(launch).read_text("utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            return False
        return f"\nExec={_command(launch)}\n" in text and not OFF.search(text)

    def switched_off(self, launch: Launch) -> str:
        try:
            text = self._login(launch).read_text("utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            return ""
        return "in the desktop's own settings" if OFF.search(text) else ""

    def start_at_login(self, launch: Launch, wanted: bool) -> None:
        if wanted:
            _write(self._login(launch), f"{entry(launch)}X-GNOME-Autostart-enabled=true\n")
        else:
            self._login(launch).unlink(missing_ok=True)

    def add_to_menu(self, launch: Launch) -> tuple[Path, ...]:
        _write(self._icon(launch), ICON.read_text("utf-8"))
        _write(self._menu(launch), entry(launch))
        theme = self._icon(launch).parents[2]
        os.utime(theme)  # a cache of the theme's older than its folder is not used
        return self._menu(launch), self._icon(launch)

    def remove_from_menu(self, launch: Launch) -> bool:
        was_there = self._menu(launch).exists()
        for path in (self._menu(launch), self._icon(launch)):
            path.unlink(missing_ok=True)
        return was_there

    def _login(self, launch: Launch) -> Path:
        return _folder("XDG_CONFIG_HOME", ".config") / "autostart" / f"{launch.name}.desktop"

    def _menu(self, launch: Launch) -> Path:
        return _folder("XDG_DATA_HOME", ".local/share") / "applications" / f"{launch.name}.desktop"

    def _icon(self, launch: Launch) -> Path:
        icons = _folder("XDG_DATA_HOME", ".local/share") / "icons" / "hicolor"
        return icons / "scalable" / "apps" / f"{launch.name}.svg"


def _folder(variable: str, default: str) -> Path:
    base = os.environ.get(variable, "")
    return Path(base) if base.startswith("/") else Path.home() / default  # a relative value is to be ignored


def entry(launch: Launch) -> str:
    """The desktop entry that launches it."""
    return ENTRY.format(command=_command(launch), program=_escaped(launch.command[0]), icon=launch.name)


def _command(launch: Launch) -> str:
    variables = [f"{name}={value}" for name, value in launch.environment.items()]
    words = [*(("env", *variables) if variables else ()), *launch.command]
    return _escaped(" ".join(_quoted(word) for word in words))


def _quoted(word: str) -> str:
    """One argument of Exec: quoted where it has to be; ``%`` begins a field code."""
    word = word.replace("%", "%%")
    if word and not re.search(r"[\s\"'\\><~|&;$*?#()`]", word):
        return word
    return '"' + re.sub(r'(["`$\\])', r"\\\1", word) + '"'


def _escaped(text: str) -> str:
    """A value of type string: backslashes and line ends are escaped, before any quoting is looked at."""
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_atomically(path, text.encode(), 0o644)
    except OSError as error:
        raise HostError(
            f"{path} cannot be written: {error.strerror}", "Check its folder's owner and permissions.", str(error)
        ) from error
