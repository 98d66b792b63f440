"""How a program of ours is started: from a checkout, or from an installed package that has no Python to call.

From a checkout, and where Slipway is installed as Python packages, a program is ``python -m MODULE``. A packaged
application is one executable; it runs another of our modules when :data:`RUN_MODULE` is its first argument, for
which its entry calls :func:`run_requested`. The package for Windows has Slipway's packages beside such an
executable (installers/windows/launcher), which Windows then shows for each of our processes. Those for Linux have
a script (installers/linux/files/slipway), which runs the Python that comes with them.
"""

from __future__ import annotations

import runpy
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

RUN_MODULE = "--run-module"
LAUNCHERS: dict[str, tuple[str, ...]] = {"Slipway.exe": (), "bin/slipway": ("open",)}
"""The executable in a package → the arguments with which it opens the window. Windows' has no console."""

PACKAGES = ("vm", "engine", "desktop")
"""Whose modules may be asked for."""

NO_WINDOW: int = getattr(subprocess, "CREATE_NO_WINDOW", 0)
"""``creationflags`` of every program that we run for ourselves: on Windows its console would be a window, since
most of our processes have none that it could use."""

CREATE_BREAKAWAY_FROM_JOB = 0x01000000
"""A process creation flag (Windows SDK, winbase.h)."""


def is_packaged() -> bool:
    """Whether this is a packaged application (PyInstaller, cx_Freeze and Nuitka set ``sys.frozen``)."""
    return bool(getattr(sys, "frozen", False))


def installation() -> Path:
    """The folder that Slipway's files lie in: the checkout, ``site-packages``, or the application's own."""
    return Path(sys.executable).resolve().parent if is_packaged() else Path(__file__).resolve().parents[2]


def launcher() -> tuple[Path, tuple[str, ...]] | None:
    """The package's executable, and the arguments with which it opens the window; None outside of a package."""
    folder = installation()
    found = ((folder / name, opening) for name, opening in LAUNCHERS.items())
    return next(((path, opening) for path, opening in found if path.is_file()), None)


def program(module: str, *arguments: str) -> list[str]:
    """The command line that runs ``module``, which is one of ours, as a program."""
    packaged = launcher()
    if packaged is not None:
        return [str(packaged[0]), RUN_MODULE, module, *arguments]
    return [sys.executable, RUN_MODULE if is_packaged() else "-m", module, *arguments]


def detached(argv: Sequence[str], flags: Mapping[str, Any], **options: Any) -> subprocess.Popen[bytes]:
    """Start a program that outlives this process and ignores its terminal.

    Windows ends all programs of a job with it, and terminals, editors and services put what they start into one. A
    program may leave it where the job allows that (Microsoft, "Job Objects"); where it does not, it stays.

    :param flags: :meth:`vm.host.base.Host.spawn_flags`.
    :param options: other arguments of :class:`subprocess.Popen`.
    :raise OSError: it cannot be started.
    """
    try:
        return subprocess.Popen(argv, **flags, **options)
    except PermissionError:
        creation = flags.get("creationflags", 0)
        if not creation & CREATE_BREAKAWAY_FROM_JOB:
            raise
    remaining = {**flags, "creationflags": creation & ~CREATE_BREAKAWAY_FROM_JOB}
    return subprocess.Popen(argv, **remaining, **options)


def start(
    module: str,
    *arguments: str,
    flags: Mapping[str, Any],
    output: Path,
    environment: Mapping[str, str] | None = None,
    piped: bool = False,
) -> subprocess.Popen[bytes]:
    """Start ``module`` in the background; it outlives this process and ignores its terminal.

    :param flags: :meth:`vm.host.base.Host.spawn_flags`.
    :param output: the file that all it prints goes to; replaced.
    :param environment: its variables; None: those of this process.
    :param piped: its standard output goes to a pipe instead (``Popen.stdout``), and only its errors to the file.
    :raise OSError: it cannot be started, or the file cannot be written.
    """
    with output.open("wb") as stream:
        process = detached(
            program(module, *arguments),
            flags,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if piped else stream,
            stderr=stream,
            cwd=installation(),
            env=dict(environment) if environment is not None else None,
        )
    # wait for it, whenever it ends: where we live longer, it would stay behind as a zombie
    threading.Thread(target=process.wait, name=f"end of {module}", daemon=True).start()
    return process


def run_requested(argv: Sequence[str]) -> bool:
    """In a packaged application's entry: run the module that :func:`program` asked for; whether there was one.

    :param argv: as ``sys.argv``, the executable first.
    :raise SystemExit: the module ended so, or is not one of ours.
    """
    if len(argv) < 3 or argv[1] != RUN_MODULE:
        return False
    module = argv[2]
    if module.split(".")[0] not in PACKAGES:
        raise SystemExit(f"{module} is not a part of Slipway")
    sys.argv = [argv[0], *argv[3:]]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return True
