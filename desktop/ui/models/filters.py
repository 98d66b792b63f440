"""Which records of a list are shown: those that match the search and pass the chosen filter."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

Facets = dict[str, tuple[str, ...]]
"""Name of a filter → the values it is compared with."""


class RecordFilter:
    """Search and filter of one list.

    :ivar text: the text of a record that is searched.    :ivar keep: the chosen filter.
    :ivar searching: whether the search is not empty.
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
        """Let the search understand ``name=value`` for these names; ``facets`` has the values of a record."""
        self._names, self._facets = frozenset(names), facets

    def search(self, text: str) -> None:
        """Set the search: a record must contain every word and match every ``name=value``."""
        parts = [(word, *word.partition("=")) for word in text.casefold().split()]
        self._pairs = tuple((name, value) for _, name, equals, value in parts if equals and name in self._names)
        self._words = tuple(word for word, name, equals, _ in parts if not (equals and name in self._names))
        self.searching = bool(parts)

    def matches(self, record: Any, text: str) -> bool:
        """Whether a record matches the search. :param text: its searchable text, casefolded."""
        for word in self._words:
            if word not in text:
                return False
        return not self._pairs or self._has_pairs(self._facets(record))

    def _has_pairs(self, facets: Facets) -> bool:
        return all(any(value in item.casefold() for item in facets.get(name, ())) for name, value in self._pairs)
