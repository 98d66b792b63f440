"""The processes of the host that serve shared folders to the machine."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil


def sftp_daemon(home: Path) -> psutil.Process:
    (found,) = [
        process
        for process in psutil.process_iter(["cmdline"])
        if str(home / "run" / "folders.sock") in (process.info["cmdline"] or [])
    ]
    return found


def server(home: Path, folder: Path) -> psutil.Process:
    """The virtiofsd of a folder for the machine of ``home``: the outer one of its two processes."""
    found = [
        process
        for process in psutil.process_iter(["cmdline", "environ"])
        if (process.info["environ"] or {}).get("SLIPWAY_HOME") == str(home)
        and "virtiofsd" in " ".join((process.info["cmdline"] or [])[:1])
        and any(
            word.removeprefix("--shared-dir=").split(",")[0].removeprefix("source=") == str(folder)
            for word in process.info["cmdline"]
        )
    ]
    return min(found, key=lambda process: process.pid)


@contextmanager
def silent(outer: psutil.Process) -> Iterator[None]:
    """The server answers nothing in the meantime."""
    family = [*outer.children(recursive=True), outer]
    for process in family:
        process.suspend()
    try:
        yield
    finally:
        for process in family:
            process.resume()
