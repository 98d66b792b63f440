"""What a misspelt name was probably meant to be."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

NEAR = 0.75
"""How alike two names have to be (:meth:`difflib.SequenceMatcher.ratio`, 0 to 1): ``strat`` and ``start`` are 0.8,
``login`` and ``logs`` 0.67."""


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The one of the known names that differs from ``name`` by a slip only, if there is one."""
    return next(iter(difflib.get_close_matches(name, list(known), 1, NEAR)), None)
