"""The Python that comes with Slipway on Windows: CPython as Microsoft's compiler makes it, without its own tests.

Its layout is that of Python's own installer for Windows. Compiled files come along, because the folder where
Slipway is installed is read-only for its users, so that Python could not keep any.
"""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path

from installers.common.bytecode import COMPILE, compile_files
from installers.common.maven import fetch_jar, unpack
from installers.common.sources import python_source
from installers.common.stdlib import is_wanted
from installers.common.store import keep, key_of
from installers.common.tree import copy_files
from installers.windows.forwarders import exported_names, write_forwarders

LIBRARY = "python313"
"""The interpreter's library, without its suffix."""

PROGRAMS = ("python.exe", "pythonw.exe")
RUNTIME = ("vcruntime140.dll", "vcruntime140_1.dll")
"""Microsoft's C runtime; Windows looks for it beside the library that needs it."""

SEARCH_PATH = ("Lib", "DLLs", r"Lib\site-packages", "..")
"""``sys.path``, below Python's folder. The last one holds Slipway's own packages."""


def is_binary(path: Path) -> bool:
    """Say whether a file is an extension module or a library, which have a folder of their own."""
    return path.suffix in (".pyd", ".dll")


def python() -> Path:
    """The folder with ``python.exe``, ``pythonw.exe``, ``Lib`` and ``DLLs``."""
    source = python_source()
    recipe = Path(__file__).read_bytes() + Path(__file__).with_name("forwarders.py").read_bytes()

    def make(folder: Path) -> None:
        unpacked = folder / "unpacked"
        unpack(source, unpacked)
        arrange(unpacked / source.folder, folder)
        shutil.rmtree(unpacked)
        compile_files(folder, "the standard library")

    return keep("windows-python", key_of(repr(source), recipe, COMPILE), make)


def read_library_file(path: str) -> bytes:
    """A file of the standard library as the artifact has it, before anything was left out."""
    source = python_source()
    with zipfile.ZipFile(fetch_jar(source)) as jar:
        return jar.read(f"{source.folder}/lib/{path}")


def arrange(unpacked: Path, folder: Path) -> None:
    """Lay Python out as its installer for Windows does, from how the artifact has it."""
    library = unpacked / "lib"
    copy_files(library, folder / "Lib", lambda path: is_wanted(path) and not is_binary(path))
    copy_files(library, folder / "DLLs", lambda path: is_wanted(path) and is_binary(path))
    for name in PROGRAMS:
        (folder / name).write_bytes((unpacked / "bin" / name).read_bytes())
    for name in RUNTIME:
        (folder / "DLLs" / name).rename(folder / name)
    interpreter = (unpacked / f"{LIBRARY}.dll").read_bytes()
    (folder / f"{LIBRARY}.dll").write_bytes(interpreter)
    names = [name for name in exported_names(interpreter) if name.startswith(("Py", "_Py"))]
    write_forwarders(folder / "python3.dll", names, LIBRARY)
    # so this Python ignores PYTHONPATH, the registry and the user's own packages (manual, "Finding modules")
    (folder / f"{LIBRARY}._pth").write_text("".join(f"{line}\n" for line in SEARCH_PATH), encoding="ascii")
