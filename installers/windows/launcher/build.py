"""Compiles the launchers by Zig's clang: a Python package of known content, the same bytes on every computer.

The development environment has it for the guest's programs. It brings the headers and libraries of mingw-w64, and
a compiler for resources; the programs need Windows' own C runtime only (ucrt, part of Windows 10). On first use it
compiles some of its own parts, which takes a minute; they are kept.
"""

from __future__ import annotations

import importlib.metadata
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from installers.checkout.console import run_quietly
from installers.common import icon
from installers.common.icon import PICTURE, icon_file
from installers.common.product import DESCRIPTION, NAME, version
from installers.common.store import keep, key_of, store_folder
from installers.windows.product import COMPANY, COPYRIGHT, version_numbers

HERE = Path(__file__).resolve().parent
SOURCE, MANIFEST = HERE / "launcher.c", HERE / "launcher.manifest"

FLAGS = (
    *("-target", "x86_64-windows-gnu", "-municode", "-std=gnu11", "-Os", "-s"),
    *("-Wall", "-Wextra", "-Werror", "-fno-sanitize=undefined", "-fstack-protector-strong"),
)


@dataclass(frozen=True)
class Launcher:
    """One program.

    :ivar path: below the package's folder.
    :ivar module: what it runs.
    :ivar python: Python's folder, from the program's own.
    :ivar window: it has no console.
    :ivar about: what Windows shows for it, in the Task Manager for example.
    """

    path: str
    module: str
    python: str
    window: bool
    about: str

    @property
    def flags(self) -> tuple[str, ...]:
        """The compiler's flags for this one."""
        python = self.python.replace("\\", "\\\\")
        defined = (f'-DMODULE="{self.module}"', f'-DPYTHON="{python}"', *(("-DWINDOW",) if self.window else ()))
        return (*defined, f"-Wl,--subsystem,{'windows' if self.window else 'console'}")


LAUNCHERS = (
    Launcher("bin/slipway.exe", "desktop.cli", r"..\python", False, "Slipway command line"),
    Launcher("Slipway.exe", "desktop.ui", "python", True, NAME),
)
"""The command line has a folder of its own, which the installer adds to the PATH."""

RESOURCES = """\
#pragma code_page(65001)
1 ICON "slipway.ico"
1 24 "launcher.manifest"
1 VERSIONINFO
FILEVERSION {numbers}
PRODUCTVERSION {numbers}
FILEOS 0x40004L
FILETYPE 0x1L
BEGIN
  BLOCK "StringFileInfo"
  BEGIN
    BLOCK "040904b0"
    BEGIN
      VALUE "CompanyName", "{company}"
      VALUE "FileDescription", "{about}"
      VALUE "FileVersion", "{version}"
      VALUE "InternalName", "{name}"
      VALUE "LegalCopyright", "{copyright}"
      VALUE "OriginalFilename", "{name}"
      VALUE "ProductName", "{product}"
      VALUE "ProductVersion", "{version}"
      VALUE "Comments", "{description}"
    END
  END
  BLOCK "VarFileInfo"
  BEGIN
    VALUE "Translation", 0x409, 1200
  END
END
"""
"""Icon, manifest and version, as a resource script (Microsoft's "Resource-Definition Statements")."""


def resources(launcher: Launcher) -> str:
    """The resource script of a launcher."""
    return RESOURCES.format(
        numbers=",".join(map(str, version_numbers())),
        company=COMPANY,
        about=launcher.about,
        version=version(),
        name=Path(launcher.path).name,
        copyright=COPYRIGHT,
        product=NAME,
        description=DESCRIPTION,
    )


def launchers() -> Path:
    """The folder with all launchers, at their paths below the package's folder.

    :raise StepError: one cannot be compiled; with the compiler's words.
    """
    inputs = [part for launcher in LAUNCHERS for part in (resources(launcher), *launcher.flags)]
    files = [path.read_bytes() for path in (SOURCE, MANIFEST, PICTURE, Path(__file__), Path(icon.__file__))]
    compiler = importlib.metadata.version("ziglang")  # of the development environment, which has pinned it
    return keep("windows-launchers", key_of(compiler, *FLAGS, *inputs, *files), compile_all)


def compile_all(folder: Path) -> None:
    """Compile all launchers into ``folder``.

    :raise StepError: one cannot be compiled.
    """
    with tempfile.TemporaryDirectory(prefix="slipway-launchers-") as scratch:
        work = Path(scratch)
        (work / "slipway.ico").write_bytes(icon_file())
        (work / MANIFEST.name).write_bytes(MANIFEST.read_bytes())
        for launcher in LAUNCHERS:
            compile_one(launcher, work, folder / launcher.path)


def compile_one(launcher: Launcher, work: Path, target: Path) -> None:
    """Compile one.

    :param work: a folder with icon and manifest, for the files in between.
    :raise StepError: it cannot be compiled.
    """
    zig = (sys.executable, "-m", "ziglang")
    caches = {"ZIG_LOCAL_CACHE_DIR": str(work / "local"), "ZIG_GLOBAL_CACHE_DIR": str(store_folder() / "zig")}
    (work / "launcher.rc").write_text(resources(launcher), encoding="utf-8")
    target.parent.mkdir(exist_ok=True)
    to_resources: list[str | Path] = [*zig, "rc", "/:auto-includes", "none", "launcher.rc", "launcher.res"]
    run_quietly(f"compiling the resources of {launcher.path}", to_resources, caches, work)
    to_program: list[str | Path] = [
        *zig,
        "cc",
        *FLAGS,
        *launcher.flags,
        SOURCE,
        work / "launcher.res",
        "-o",
        target,
    ]
    run_quietly(f"compiling {launcher.path}", to_program, caches, work)
