"""Ends the programs of a package, of every user, before its files are replaced or removed.

Each is asked to end as at the end of a session (SIGTERM): a supervisor stops its machine first, the window closes.
Clients of the engine, such as ``docker logs``, are not ended: they end with it, or go on with another one.
"""

from __future__ import annotations

from pathlib import Path

import psutil

from desktop.installation.in_use import User, users, wait_until_unused

PYTHON = "python"
"""The folder whose programs are ours, below the package's."""


def end(folder: Path, seconds: float) -> list[User]:
    """Ask the programs in ``folder`` to end; those that have not within ``seconds``."""
    here = psutil.Process()
    besides = {here.pid, *(parent.pid for parent in here.parents())}
    for user in users(folder / PYTHON, besides):
        try:
            psutil.Process(user.pid).terminate()
        except psutil.NoSuchProcess:
            continue
    return wait_until_unused(folder / PYTHON, seconds)
