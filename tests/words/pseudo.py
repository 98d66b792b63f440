"""A language for tests: with accents, two fifths longer, in brackets. What has no brackets is not translated."""

from __future__ import annotations

import re

from desktop.ui.words import Catalogue, Key

NAME = "pseudo"
LONGER = 0.4
ACCENTS = str.maketrans("aeiouyncsAEIOUNCS", "áéíöüýñçšÁÉÍÖÜÑÇŠ")
FIELD = re.compile(r"(\{[^}]*\})")


class Pseudo(Catalogue):
    """Knows every text."""

    def text(self, key: Key) -> str:
        """The text as it would be in a language of long words."""
        return longer(key.text)

    def counted(self, key: Key, many: str, count: int) -> str:
        """The same for a number."""
        return longer(key.text if count == 1 else many)


def longer(text: str) -> str:
    """A text with accents and two fifths more letters; fields in braces stay."""
    parts = [part if FIELD.fullmatch(part) else part.translate(ACCENTS) for part in FIELD.split(text)]
    more = max(1, round(len(FIELD.sub("", text)) * LONGER) - 2)  # the brackets count too
    words = "wörtêr " * (more // 7 + 1)
    return f"⟦{''.join(parts)}{words[:more].rstrip() or 'x'}⟧"
