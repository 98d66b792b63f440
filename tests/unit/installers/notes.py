"""Stand-ins for calls, which write down what they are called with."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path


def noting(
    notes: list[str], result: int = 0, then: Callable[[], None] = lambda: None
) -> Callable[[Sequence[str | Path]], int]:
    """A stand-in for a call with a list of words: it writes them down, does ``then``, and returns ``result``."""

    def call(words: Sequence[str | Path]) -> int:
        notes.extend(str(word) for word in words)
        then()
        return result

    return call
