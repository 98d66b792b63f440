"""Which of the user's folders can be shared with containers, by their names alone.

Whether a folder exists is checked only when it is added (:func:`missing`): a disk that is not plugged in today
must not make the whole settings file unusable.
"""

from __future__ import annotations

import json
import ntpath
import os
import re
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from desktop.settings.fields import Problem
from desktop.settings.phrases import phrase
from vm.guest.hostpath import is_elsewhere, is_within, system_folder, to_guest

ON_DRIVE = re.compile(r"//?([A-Za-z])(?:/(.*))?", re.DOTALL)
"""``/c/Users`` and ``//c/Users`` (Git Bash, whose programs would change a single slash)."""


def folders(value: object) -> tuple[str, ...] | None:
    """The folders that a setting's value stands for; None when it is not a list of folders.

    Text is one folder, or several separated as in PATH, which needs no quotes in any shell.
    """
    if isinstance(value, str):
        value = [part for part in value.split(os.pathsep) if part]
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        return None
    names = map(with_drive, value) if Path.home().drive else value
    return tuple(os.path.normpath(item) if Path(item).is_absolute() else item for item in names)


def with_drive(path: str) -> str:
    """A folder on a drive as Windows writes it, also where it is written as in the machine or in Git Bash."""
    match = ON_DRIVE.fullmatch(path)
    return ntpath.normpath(f"{match[1].upper()}:\\{match[2] or ''}") if match is not None else path


def problem(paths: Sequence[str]) -> Problem | None:
    """Why these folders cannot be shared, and what to do; None when they can."""
    for path in paths:
        unfit = _unfit(path)
        if unfit is not None:
            return Problem(_cannot(path, unfit[0]), unfit[1])
    for one, other in combinations(paths, 2):
        first, second = to_guest(one), to_guest(other)
        if first == second:
            return Problem(phrase("list “{path}” twice", path=one), phrase("Name it once."))
        for inner, outer, names in ((first, second, (one, other)), (second, first, (other, one))):
            if is_within(inner, outer):
                why = phrase("it is inside “{path}”, which is already shared", path=names[1])
                return Problem(_cannot(names[0], why), phrase("Leave it out."))
    return None


def _cannot(path: str, why: str) -> str:
    return phrase("cannot include “{path}”: {why}", path=path, why=why)


def missing(paths: Sequence[str]) -> Problem | None:
    """Which of these folders is not there, and what to do; None when all are. Looks at the disk."""
    for path in map(Path, paths):
        if path.is_dir() and is_elsewhere(os.path.realpath(path)):
            return Problem(
                f"cannot include “{path}”: it is on the network", "Copy what you need to a local folder."
            )
        if path.is_dir():
            continue
        if path.exists():
            return Problem(f"cannot include “{path}”: it is a file", "Share the folder that contains it.")
        return Problem(
            f"cannot include “{path}”: it does not exist", "Create the folder first, or check the spelling."
        )
    return None


def _unfit(path: str) -> tuple[str, str] | None:
    if is_elsewhere(path):
        hint = phrase("Copy what you need to a folder that is.")
        return phrase("it is on no drive of your computer"), hint
    if not Path(path).is_absolute() or "\0" in path:
        hint = phrase("Write the whole path, such as {path}.", path=Path.home() / "project")
        return phrase("it is not an absolute path"), hint
    guest = to_guest(path)
    system = system_folder(guest)
    if system is None:
        return None
    hint = phrase("Share the folder that contains your own files.")
    if guest == system:
        return phrase("it is a system folder"), hint
    if is_within(guest, system):
        return phrase("it is in the system folder {path}", path=system), hint
    return phrase("this would share the system folder {path}", path=system), hint


def shared(paths: Sequence[str]) -> tuple[str, ...]:
    """The folders to share: by their real names, without symbolic links, and none inside another.

    Folders of the system (the home folder of a service can be ``/``) are left out. Looks at the disk.
    """
    real = [path for path in dict.fromkeys(map(os.path.realpath, paths)) if _unfit(path) is None]
    return tuple(
        path
        for path in real
        if not any(other != path and is_within(to_guest(path), to_guest(other)) for other in real)
    )


def as_words(paths: Sequence[str]) -> str:
    """The value for ``slipway settings set shared_folders``, quoted for a shell, that shares these folders."""
    if any(os.pathsep in path for path in paths):
        return "'" + json.dumps(list(paths), ensure_ascii=False) + "'"
    return '"' + os.pathsep.join(paths) + '"'
