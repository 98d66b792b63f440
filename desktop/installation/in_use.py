"""Finds the programs that use an installed package, so that an installer can name them before it replaces files.

Windows keeps the file of a running program from being deleted, and the folder that a program works in from being
renamed. So a program counts when its file or its working folder is in the package's folder.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class User:
    """A program that uses the package.

    :ivar why: what keeps the files: ``program`` or ``folder``.
    """

    pid: int
    name: str
    why: str

    def __str__(self) -> str:
        works = "" if self.why == "program" else ", which works in that folder"
        return f"{self.name} (process {self.pid}){works}"


def users(folder: Path, besides: Iterable[int] = ()) -> list[User]:
    """The programs that use something in ``folder``, by process number.

    Programs of other users are seen where the system allows it.

    :param besides: process numbers that do not count.
    """
    passed_over = set(besides)
    found = []
    for process in psutil.process_iter():
        if process.pid in passed_over or _answer(process.status) == psutil.STATUS_ZOMBIE:
            continue  # a program that has ended keeps no file
        if is_below(_answer(process.exe), folder):
            found.append(User(process.pid, _answer(process.name) or "a program", "program"))
        elif is_below(_answer(process.cwd), folder):
            found.append(User(process.pid, _answer(process.name) or "a program", "folder"))
    return sorted(found, key=lambda user: user.pid)


def wait_until_unused(folder: Path, seconds: float) -> list[User]:
    """Wait for the programs that use ``folder`` to end; those that have not within ``seconds``.

    This process and those that have started it do not count: the installer is one of them.
    """
    here = psutil.Process()
    besides = {here.pid, *(parent.pid for parent in here.parents())}
    end = time.monotonic() + seconds
    while (found := users(folder, besides)) and time.monotonic() < end:
        time.sleep(POLL_SECONDS)
    return found


def is_below(path: str, folder: Path) -> bool:
    """Whether ``path`` is ``folder`` or in it, by names as the system compares them; an empty path is nowhere."""
    if not path:
        return False
    place, whole = (os.path.normcase(Path(os.path.normpath(name))) for name in (path, folder))
    return place == whole or place.startswith(whole.rstrip(os.sep) + os.sep)


def _answer(ask: Callable[[], str]) -> str:
    """What a process says of itself; empty when it has ended, or may not be asked."""
    try:
        return str(ask() or "")
    except (psutil.Error, OSError):
        return ""
