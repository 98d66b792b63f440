"""What the steps of an operation come to: how far it is, what was said, and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from desktop.control.schema import Event


class Reader:
    """Of an operation that says nothing; others inherit from it."""

    @property
    def note(self) -> str:
        """How far it is, or what came of it, in one line."""
        return ""

    @property
    def fraction(self) -> float | None:
        """0 to 1; None: not known."""
        return None

    @property
    def text(self) -> str:
        """All that was said."""
        return ""

    @property
    def kept(self) -> tuple[Mapping[str, Any], ...]:
        """Steps to be kept as JSON."""
        return ()

    def take(self, steps: Iterable[Any]) -> None:
        """Add what has happened."""

    def end(self) -> None:
        """Nothing more happens."""


class Sentences(Reader):
    """Reads the supervisor's events. :ivar outcome: its last words."""

    def __init__(self) -> None:
        self.outcome = ""
        self._said: list[str] = []
        self._fraction: float | None = None
        self._over = False

    @property
    def note(self) -> str:
        if self.outcome or not self._said:
            return self.outcome
        return f"{self._said[-1][0].upper()}{self._said[-1][1:]}" + ("" if self._over else " …")

    @property
    def fraction(self) -> float | None:
        return self._fraction

    @property
    def text(self) -> str:
        return "\n".join(filter(None, (*self._said, self.outcome)))

    def take(self, steps: Iterable[Event]) -> None:
        for step in steps:
            if step.kind == "done":
                self.outcome = step.text
            elif step.text:
                self._said.append(step.text)
                self._fraction = step.fraction

    def end(self) -> None:
        self._over = True
