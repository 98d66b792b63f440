"""What a stopped installation must not leave behind: processes, sockets, locks held."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil


def processes_of(home: Path) -> list[str]:
    """Processes that belong to the installation in ``home``: they name it, or have SLIPWAY_HOME set to it."""
    found = []
    for process in psutil.process_iter():
        if process.pid == os.getpid():
            continue
        try:
            words = process.cmdline()
            named = any(str(home) in word for word in words)
            if named or process.environ().get("SLIPWAY_HOME") == str(home):
                found.append(f"{process.pid}: {' '.join(words)}")
        except psutil.Error:
            continue  # it has just ended, or is not ours to look at
    return found


def sockets_of(home: Path) -> list[Path]:
    """Sockets below ``home``."""
    return sorted(path for path in home.rglob("*") if path.is_socket())


def assert_nothing_left(home: Path, seconds: float = 20.0) -> None:
    """Fail unless every process and socket of the installation is gone within ``seconds``."""
    deadline = time.monotonic() + seconds
    while (left := (processes_of(home), sockets_of(home))) != ([], []) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert left == ([], []), f"left behind: {left}"
