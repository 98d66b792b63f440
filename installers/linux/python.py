"""The Python that comes with Slipway on Linux: CPython 3.13 for glibc 2.35 and newer, without its own tests.

It runs from any folder. With the same Python everywhere there is one set of libraries for all distributions, and
an upgrade of the distribution, which replaces its Python, leaves Slipway working.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from installers.common.bytecode import COMPILE, compile_files
from installers.common.maven import unpack
from installers.common.sources import python_source
from installers.common.stdlib import is_wanted
from installers.common.store import keep, key_of
from installers.common.tree import copy_files

PROGRAM, LIBRARY, FFI = "bin/python3.13", "libpython3.13.so.1.0", "libffi.so.8"
STDLIB, EXTENSIONS = Path("lib/python3.13"), Path("lib/python3.13/lib-dynload")

LEFT_OUT = ("config-3.13-x86_64-linux-gnu", EXTENSIONS.name)
"""Of the standard library: what C programs with a Python inside are linked with; and the extensions."""

WITH_LIBRARIES = ("_curses", "_sqlite3", "readline")
"""What extension modules begin with that Slipway does not import, and whose libraries a system may lack."""

SEARCH_PATH = "slipway.pth"
"""The file by which Python finds Slipway's own packages; its line is a path from its folder (docs: "site")."""


def python() -> Path:
    """The folder with ``bin/python3.13`` and ``lib``."""
    source = python_source("linux")

    def make(folder: Path) -> None:
        unpacked = folder / "unpacked"
        unpack(source, unpacked)
        arrange(unpacked / source.folder, folder)
        shutil.rmtree(unpacked)
        compile_files(folder, "the standard library")

    return keep("linux-python", key_of(repr(source), Path(__file__).read_bytes(), COMPILE), make)


def arrange(unpacked: Path, folder: Path) -> None:
    """Lay Python out as an installed one, from how the artifact has it."""
    copy_files(unpacked / STDLIB, folder / STDLIB, is_ours)
    copy_files(
        unpacked / EXTENSIONS,
        folder / EXTENSIONS,
        lambda path: is_wanted(path) and not path.name.startswith(WITH_LIBRARIES),
    )
    # the programs look for libraries in ../lib, the extension modules in their own folder
    for source, target in ((PROGRAM, PROGRAM), (LIBRARY, f"lib/{LIBRARY}"), (FFI, f"{EXTENSIONS}/{FFI}")):
        (folder / target).parent.mkdir(exist_ok=True)
        shutil.copyfile(unpacked / source, folder / target)
    (folder / PROGRAM).chmod(0o755)
    packages = folder / STDLIB / "site-packages"
    packages.mkdir()
    (packages / SEARCH_PATH).write_text("../../../..\n", encoding="ascii")


def is_ours(path: Path) -> bool:
    """Say whether a file of the standard library comes along. :param path: below the library's folder."""
    return is_wanted(path) and path.parts[0] not in LEFT_OUT
