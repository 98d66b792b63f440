"""Sentences that keep what they were made from, so that the window can say them in another language.

Everywhere else a phrase is the English text that it is.
"""

from __future__ import annotations

from collections.abc import Mapping


class Phrase(str):
    """:ivar template: with names in braces.    :ivar values: what is in their place; phrases among them too."""

    template: str
    values: Mapping[str, object]


def phrase(template: str, /, **values: object) -> Phrase:
    """The phrase of a template."""
    made = Phrase(template.format(**values) if values else template)
    made.template, made.values = template, values
    return made
