"""Folders as values: copied, and compared by a hash of their content.

The hash covers names and bytes, not times, owners or permissions: Windows has no such permissions, and times
differ from one build to the next. So two builds of a package can be compared on any computer.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path


def files_below(folder: Path) -> Iterator[Path]:
    """Every file below ``folder``, in the order of their names."""
    yield from sorted(path for path in folder.rglob("*") if path.is_file())


def tree_hash(folder: Path) -> str:
    """The hash (SHA-256) of the names and contents of all files below ``folder``."""
    digest = hashlib.sha256()
    for path in files_below(folder):
        with path.open("rb") as stream:
            content = hashlib.file_digest(stream, "sha256").hexdigest()
        digest.update(f"{content}  {path.relative_to(folder).as_posix()}\n".encode())
    return digest.hexdigest()


def tree_bytes(folder: Path) -> int:
    """How much all files below ``folder`` hold."""
    return sum(path.stat().st_size for path in files_below(folder))


def copy_files(source: Path, target: Path, wanted: Callable[[Path], bool] = lambda _: True) -> None:
    """Copy the files below ``source`` for which ``wanted`` is true of their path below it, into ``target``."""
    for path in files_below(source):
        relative = path.relative_to(source)
        if wanted(relative):
            (target / relative).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / relative)
