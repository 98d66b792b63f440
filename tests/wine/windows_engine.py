"""The real dockerd.exe on Wine, where no containers of Windows run: all else of it answers.

It asks for two services that the feature Containers brings, and for vmcompute.dll (vmcompute.c).
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from installers.checkout.console import run_quietly
from installers.common.store import keep, key_of, store_folder
from tests.wine.root import cache_folder
from tests.wine.system import WineSystem
from tests.wine.windows import INSTALLED

DOCKERD = rf"{INSTALLED}\docker\dockerd.exe"
SOURCE = Path(__file__).with_name("vmcompute.c")
SERVICES = ("hns", "vmcompute")
FLAGS = ("-target", "x86_64-windows-gnu", "-std=gnu11", "-Os", "-s", "-shared", "-Wall", "-Wextra", "-Werror")
DATA = r"C:\ProgramData\Slipway\windows-engine"

PLACES = ("--data-root", DATA, "--exec-root", rf"{DATA}\exec", "--pidfile", rf"{DATA}\docker.pid")
PROGRAM = json.dumps([DOCKERD, "-H", "{address}", "--bridge=none", *PLACES])
"""For the variable SLIPWAY_WINDOWS_ENGINE: Wine does not start the service."""


def vmcompute() -> Path:
    """The library, compiled."""

    def make(folder: Path) -> None:
        target = folder / "vmcompute.dll"
        argv: list[str | Path] = [sys.executable, "-m", "ziglang", "cc", *FLAGS, "-o", target, SOURCE, "-lole32"]
        run_quietly("compiling vmcompute.dll", argv, {"ZIG_GLOBAL_CACHE_DIR": str(store_folder() / "zig")})

    return keep("vmcompute", key_of(SOURCE.read_bytes(), *FLAGS), make, cache_folder()) / "vmcompute.dll"


def add_containers_feature(wine: WineSystem) -> None:
    """What dockerd.exe looks for of the features Containers and Hyper-V."""
    target = wine.drive_c / "windows" / "system32" / "vmcompute.dll"
    target.write_bytes(vmcompute().read_bytes())
    for name in SERVICES:
        done = wine.run(["sc", "create", name, "binPath=", r"C:\windows\system32\svchost.exe"])
        assert done.code == 0, done
