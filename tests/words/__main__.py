"""Brings the catalogues up to date with the code, and says what is not translated: ``python3 -m tests.words``."""

from __future__ import annotations

import sys

from desktop.ui.words import Key, read
from tests.words.catalogue import known, languages, written
from tests.words.extract import texts

MOST = 1000
"""Numbers up to this one have every plural form that there is."""


def main() -> int:
    """Write every catalogue; the exit code is 1 if one has gaps."""
    wanted, gaps = texts(), 0
    for path in languages():
        have, forms = known(path), 1 + max(map(read(path).form, range(MOST)))
        path.write_text(written(have[Key("")], wanted, have, forms), "utf-8")
        empty = [one for one in known(path).values() if not all(one.forms)]
        gaps += len(empty)
        for one in empty:
            print(f"{path.name}: {one.key.text!r}")
        print(f"{path.name}: {len(wanted)} texts, {len(empty)} to translate")
    return int(gaps > 0)


if __name__ == "__main__":
    sys.exit(main())
