"""How well a text matches a few typed letters: they have to be in it in their order."""

from __future__ import annotations

BEGIN, WORD, RUN = 30, 20, 8
"""What a letter at the beginning of the text, at that of a word, and behind the letter before it counts more."""

WHOLE, INSIDE = 1000, 15
"""All letters in one piece: where a word begins, and for each of them within a word."""


def score(typed: str, text: str) -> int | None:
    """The higher the better; None when the letters are not all there. Case and spaces typed do not count."""
    letters, text = typed.casefold().replace(" ", ""), text.casefold()
    if letters and letters in text:  # in one piece: that is what was meant, above all at the beginning of a word
        place = text.index(letters)
        if place and text[place - 1].isalnum():
            return INSIDE * len(letters) - len(text) // 4
        return WHOLE + (BEGIN if place == 0 else WORD) - len(text)
    total, place = 0, -1
    for letter in letters:
        found = _next(letter, text, place + 1)
        if found < 0:
            return None
        begins = found == 0 or not text[found - 1].isalnum()
        total += (
            (BEGIN if found == 0 else WORD if begins else 0) + (RUN if found == place + 1 else 0) - found + place
        )
        place = found
    return total - len(text) // 4


def _next(letter: str, text: str, begin: int) -> int:
    """Where a letter is next: right there, else at the beginning of a word, else anywhere."""
    if text[begin : begin + 1] == letter:
        return begin
    place = text.find(letter, begin)
    while place > 0 and text[place - 1].isalnum():
        following = text.find(letter, place + 1)
        if following < 0:
            return text.find(letter, begin)
        place = following
    return place
