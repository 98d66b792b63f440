"""The PATH variable as Windows stores it: a folder is added at its end, or removed; nothing else of it changes.

NSIS would cut a PATH of more than 1,024 characters, so this is done here. The value keeps its kind (with
``%NAME%`` to expand or without), its order, its spelling, and empty entries.
"""

from __future__ import annotations

from desktop.system import PathVariable

SEPARATOR = ";"


def add(variable: PathVariable, folder: str) -> bool:
    """Add ``folder`` at the end, where a program of the user's with the same name goes first; whether it was new.

    :raise OSError: the variable cannot be read or written.
    """
    value = variable.read()
    if any(same(entry, folder) for entry in value.split(SEPARATOR)):
        return False
    variable.write(f"{value.rstrip(SEPARATOR)}{SEPARATOR}{folder}" if value.strip(SEPARATOR) else folder)
    return True


def remove(variable: PathVariable, folder: str) -> bool:
    """Remove each entry that is ``folder``; whether there was one.

    :raise OSError: the variable cannot be read or written.
    """
    entries = variable.read().split(SEPARATOR)
    kept = [entry for entry in entries if not same(entry, folder)]
    if kept == entries:
        return False
    variable.write(SEPARATOR.join(kept))
    return True


def same(entry: str, folder: str) -> bool:
    """Whether an entry is that folder: Windows takes quotes, either slash, and any case."""
    return _normal(entry) == _normal(folder)


def _normal(entry: str) -> str:
    return entry.strip().strip('"').replace("/", "\\").rstrip("\\").lower()
