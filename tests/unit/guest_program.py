"""The guest's small programs, compiled for this computer, so that they are tested without a machine."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess
import sys
from pathlib import Path

from tests.architecture.sources import ROOT

FLAGS = ("-std=gnu11", "-O1", "-Wall", "-Wextra", "-Werror", "-D_GNU_SOURCE")
SECONDS = 300.0
"""The compiler makes its own C library when it runs for the first time."""


def compile_guest_program(name: str, folder: Path) -> Path:
    """Compile ``vm/image/native/NAME.c`` into ``folder``, by the compiler of the image if there is one here."""
    ziglang = importlib.util.find_spec("ziglang")
    compiler = [sys.executable, "-m", "ziglang", "cc"] if ziglang else [shutil.which("cc") or "cc"]
    made = folder / name
    source = ROOT / "vm" / "image" / "native" / f"{name}.c"
    subprocess.run([*compiler, *FLAGS, source, "-o", made], check=True, capture_output=True, timeout=SECONDS)
    return made
