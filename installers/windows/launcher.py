"""``slipway.exe`` and ``Slipway.exe``: what users start, each of which runs the Python beside it.

They are what pip makes of entry points: a small program by Python's packaging authority (distlib's launcher), a
line that names the interpreter, and a zip with what that is to run. The launcher ships with pip, and so with the
Python for Windows. It waits for the interpreter, returns its exit code, and ends it when it is ended itself.
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from pathlib import Path

from installers.windows.python import read_library_file

CONSOLE, WINDOW = "t64.exe", "w64.exe"
"""distlib's launchers for 64-bit Windows."""

EPOCH = (1980, 1, 1, 0, 0, 0)
"""The date of the entries, the same in each build."""


@dataclass(frozen=True)
class Launcher:
    """One program.

    :ivar path: below the package's folder.
    :ivar kind: :data:`CONSOLE` or :data:`WINDOW`.
    :ivar interpreter: from the launcher's own folder.
    :ivar entry: ``module:function``; the function returns the exit code.
    """

    path: str
    kind: str
    interpreter: str
    entry: str

    def content(self) -> bytes:
        """The program's bytes."""
        program = read_library_file(f"pip/_vendor/distlib/{self.kind}")
        line = f'#!"<launcher_dir>\\{self.interpreter}"\r\n'.encode("ascii")
        module, _, function = self.entry.partition(":")
        script = f"import sys\n\nfrom {module} import {function}\n\nsys.exit({function}())\n"
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr(zipfile.ZipInfo("__main__.py", EPOCH), script)
        return program + line + packed.getvalue()


LAUNCHERS = (
    Launcher("bin/slipway.exe", CONSOLE, r"..\python\python.exe", "desktop.cli.__main__:main"),
    Launcher("Slipway.exe", WINDOW, r"python\pythonw.exe", "desktop.ui.__main__:run"),
)
"""The command line has a folder of its own, which the installer adds to the PATH."""


def write_launchers(folder: Path) -> None:
    """Write all launchers into the package's folder."""
    for launcher in LAUNCHERS:
        target = folder / launcher.path
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(launcher.content())
