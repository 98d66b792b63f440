"""Which folders of this computer can be shared with containers, judged by their names alone.

Whether a folder exists is asked when it is added (desktop/supervisor/preferences.py), not here: a disk that is not
plugged in today must not make the whole settings file unusable.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

from vm.guest.hostpath import is_within, system_folder, to_guest


def folders(value: object) -> tuple[str, ...] | None:
    """The list of folders that a setting's value stands for; None when it stands for none.

    A text is one folder, or several with the separator of PATH between them, which needs no quotes in any shell.
    """
    if isinstance(value, str):
        value = [part for part in value.split(os.pathsep) if part]
    if not isinstance(value, list | tuple) or not all(isinstance(item, str) for item in value):
        return None
    return tuple(os.path.normpath(item) if Path(item).is_absolute() else item for item in value)


def trouble(paths: Sequence[str]) -> tuple[str, str] | None:
    """Why these folders cannot be shared, and what to do; None when they can."""
    for path in paths:
        if not Path(path).is_absolute() or "\0" in path:
            return f"“{path}” is not an absolute path", f"Write it whole, such as {Path.home() / 'project'}."
        found = system_folder(to_guest(path))
        if found is not None:
            why = "is a folder of the system's" if to_guest(path) == found else f"would share the system's {found}"
            if is_within(to_guest(path), found) and to_guest(path) != found:
                why = f"is in the system's folder {found}"
            return f"“{path}” {why}", "Share the folder in which your own files are."
    for one, other in combinations(paths, 2):
        first, second = to_guest(one), to_guest(other)
        if first == second:
            return f"“{one}” is in the list twice", "Name it once."
        for inner, outer, names in ((first, second, (one, other)), (second, first, (other, one))):
            if is_within(inner, outer):
                return f"“{names[0]}” is inside “{names[1]}”, which is shared already", "Leave it out."
    return None


def shared(paths: Sequence[str]) -> tuple[str, ...]:
    """The folders to share: by their real names, without symbolic links, and none inside another.

    What leads to the system's own (the home folder of a service can be ``/``) is left out. Looks at the disk.
    """
    real = [path for path in dict.fromkeys(map(os.path.realpath, paths)) if trouble([path]) is None]
    return tuple(
        path
        for path in real
        if not any(other != path and is_within(to_guest(path), to_guest(other)) for other in real)
    )


def as_words(paths: Sequence[str]) -> str:
    """The value for ``slipway settings set shared_folders``, quoted for a shell, which gives these folders."""
    if any(os.pathsep in path for path in paths):
        return "'" + json.dumps(list(paths), ensure_ascii=False) + "'"
    return '"' + os.pathsep.join(paths) + '"'
