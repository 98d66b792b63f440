"""Compiles Python's files for the Python of the package, by the same version of it for this computer.

Compiled files (``__pycache__``) are the same for every system, but differ with each version of Python. These are
never compared with their source (PEP 552), which suits files that nobody changes, and are the same each time.
"""

from __future__ import annotations

import os
from pathlib import Path

from installers.checkout.console import run_quietly
from installers.common.maven import unpack
from installers.common.sources import python_source
from installers.common.store import keep, key_of

COMPILE = "-I -m compileall -q --invalidation-mode unchecked-hash"


def compiler() -> Path:
    """The program: a Python for this computer."""
    source = python_source("linux")

    def make(folder: Path) -> None:
        unpack(source, folder)
        program(folder).chmod(0o755)

    def program(folder: Path) -> Path:
        return folder / source.folder / "bin" / "python3.13"

    return program(keep("python-compiler", key_of(repr(source)), make))


def compile_files(folder: Path, title: str) -> None:
    """Compile every Python file below ``folder``, beside it; in tracebacks, names begin below ``folder``.

    :param title: what these files are, for the line of progress.
    :raise StepError: one cannot be compiled.
    """
    argv: list[str | Path] = [compiler(), *COMPILE.split(), "-j", str(os.cpu_count() or 1), "-s", folder, folder]
    run_quietly(f"compiling {title}", argv)
