"""The guest's programs, compiled for this computer with sanitizers, so that they are tested without a machine.

A wrong access to memory, a leak or undefined behaviour ends the program, and with it the test.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path

from tests.architecture.sources import ROOT
from vm.image.recipe import load_recipe

NATIVE = ROOT / "vm" / "image" / "native"
FLAGS = ("-std=gnu11", "-O1", "-g", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE", "-D_FILE_OFFSET_BITS=64")
SANITIZERS = ("-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
SECONDS = 120.0


def compile_guest_program(name: str, folder: Path) -> Path:
    """Compile the recipe's program ``usr/lib/slipway/NAME`` into ``folder``."""
    place = f"usr/lib/slipway/{name}"
    (program,) = (found for found in load_recipe().native_programs() if found.place == place)
    return compile_sources(program.sources, folder / name, libraries=program.libraries)


def compile_sources(
    sources: Iterable[Path], made: Path, options: Iterable[str] = (), libraries: Iterable[str] = ()
) -> Path:
    """Compile and link C files; fail with what the compiler printed."""
    compiler = shutil.which("gcc") or shutil.which("clang") or "cc"
    argv = [compiler, *FLAGS, *SANITIZERS, *options, "-I", str(NATIVE), *map(str, sources), "-o", str(made)]
    done = subprocess.run(
        [*argv, *(f"-l{library}" for library in libraries)],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, f"\n{done.stderr}"
    return made
