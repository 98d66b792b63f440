"""Which records of a list are shown: those with every word that was typed, and those that a test keeps."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Facets = dict[str, tuple[str, ...]]
"""Name of a filter → what its value is looked for in."""


class Narrowing:
    """See the module.

    :ivar text: what of a record is searched.    :ivar keep: whether a record is shown, whatever is typed.
    :ivar searching: whether anything was typed.
    """

    def __init__(self) -> None:
        self.text: Callable[[Any], str] = str
        self.keep: Callable[[Any], bool] = lambda record: True
        self.searching = False
        self._facets: Callable[[Any], Facets] = lambda record: {}
        self._names: frozenset[str] = frozenset()
        self._words: tuple[str, ...] = ()
        self._pairs: tuple[tuple[str, str], ...] = ()

    def facets_in(self, names: Iterable[str], facets: Callable[[Any], Facets]) -> None:
        """What of a record ``name=value`` looks at, where ``name`` is one of the names."""
        self._names, self._facets = frozenset(names), facets

    def search(self, text: str) -> None:
        """Every word has to be there, and every ``name=value`` to fit."""
        parts = [(word, *word.partition("=")) for word in text.casefold().split()]
        self._pairs = tuple((name, value) for _, name, equals, value in parts if equals and name in self._names)
        self._words = tuple(word for word, name, equals, _ in parts if not (equals and name in self._names))
        self.searching = bool(parts)

    def finds(self, record: Any, text: str) -> bool:
        """Whether a record has all that was typed. :param text: what is searched of it, casefolded."""
        for word in self._words:
            if word not in text:
                return False
        return not self._pairs or self._has_pairs(self._facets(record))

    def _has_pairs(self, facets: Facets) -> bool:
        return all(any(value in item.casefold() for item in facets.get(name, ())) for name, value in self._pairs)
