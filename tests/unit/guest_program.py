"""The guest's programs, compiled for the host with sanitizers, so that they are tested without a machine.

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
UNDEFINED = ("-fsanitize=undefined", "-fno-sanitize-recover=all")
SANITIZERS = ("-fsanitize=address", *UNDEFINED, "-fno-omit-frame-pointer")
SECONDS = 120.0


def compile_guest_program(name: str, folder: Path, options: Iterable[str] = ()) -> Path:
    """Compile the recipe's program ``usr/lib/slipway/NAME`` into ``folder``."""
    place = f"usr/lib/slipway/{name}"
    (program,) = (found for found in load_recipe().native_programs() if found.place == place)
    return compile_sources(program.sources, folder / Path(name).name, options, program.libraries)


def compile_sources(
    sources: Iterable[Path], made: Path, options: Iterable[str] = (), libraries: Iterable[str] = ()
) -> Path:
    """Compile and link C files; fail with what the compiler printed."""
    return _compile([*SANITIZERS, *options, *map(str, sources)], made, libraries)


def compile_library(sources: Iterable[Path], made: Path) -> Path:
    """Compile C files into a library for this Python, which the address sanitizer would have to precede."""
    return _compile([*UNDEFINED, "-shared", "-fPIC", *map(str, sources)], made)


def _compile(words: Iterable[str], made: Path, libraries: Iterable[str] = ()) -> Path:
    compiler = shutil.which("gcc") or shutil.which("clang") or "cc"
    argv = [compiler, *FLAGS, "-I", str(NATIVE), *words, "-o", str(made)]
    done = subprocess.run(
        [*argv, *(f"-l{library}" for library in libraries)],
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, f"\n{done.stderr}"
    return made
