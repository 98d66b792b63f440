"""What pip brings: the libraries of an app for another computer, and the Go toolchain that compiles docker.

go.lock              Go for this computer, of the version that docker and its plugins were released with
go-kubernetes.lock   Go for this computer, of the version that Kubernetes needs
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

from installers.checkout.console import run_quietly
from installers.checkout.environment import PIP_INSTALL
from installers.common.store import keep, key_of

HERE = Path(__file__).resolve().parent
GO_LOCK, KUBERNETES_GO_LOCK = HERE / "go.lock", HERE / "go-kubernetes.lock"

LEFT_OUT = ("**/tests", "**/*.pyi", "**/*.lib", "**/*.h", "numpy/f2py", "pyqtgraph/examples")
"""What of all libraries is for their developers (patterns below ``site-packages``)."""

SCRIPTS = "bin"
"""Where pip puts the packages' programs, written for this computer and its Python."""


def install(lock: Path, folder: Path, *options: str) -> None:
    """Unpack the packages of a lock file into ``folder``.

    :raise StepError: pip failed; with its last lines.
    """
    argv: list[str | Path] = [sys.executable, *PIP_INSTALL, "--target", folder, "--no-deps", "--no-compile"]
    argv += [*options, "--only-binary", ":all:", "--require-hashes", "-r", lock]
    run_quietly(f"fetching {lock.stem}", argv)


def leave_out(folder: Path, patterns: Iterable[str]) -> None:
    """Delete what matches one of the patterns below ``folder``: files, and folders with all that is in them."""
    for pattern in patterns:
        for path in list(folder.glob(pattern)):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)  # a folder above may have been deleted


def go_toolchain(lock: Path = GO_LOCK) -> Path:
    """Go for this computer; the program is ``bin/go``."""

    def make(folder: Path) -> None:
        install(lock, folder)

    return keep("go", key_of(lock.read_bytes()), make) / "go"
