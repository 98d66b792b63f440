"""The docker command's filters in the search field: ``before=nginx label=team=core web``: two, and a word."""

from __future__ import annotations

from dataclasses import dataclass, field

from desktop.ui.models.images import Line
from engine.client.models import Image


@dataclass(frozen=True)
class Kind:
    """One filter of ``docker images --filter``. :ivar example: what it looks like with a value."""

    name: str
    example: str
    about: str


KINDS = (
    Kind("dangling", "true", "without any name; “false”: with one"),
    Kind("before", "nginx:1.29", "made before another image"),
    Kind("since", "nginx:1.29", "made after another image"),
    Kind("label", "team=core", "with a label, or a label and its value"),
    Kind("reference", "*/nginx:1.*", "whose name fits a pattern"),
    Kind("until", "24h", "made before a time, or longer ago than this"),
)
NAMES = tuple(kind.name for kind in KINDS)


@dataclass(frozen=True)
class Query:
    """What was typed.

    :ivar words: to be looked for in the texts.    :ivar filters: for the engine.
    :ivar trouble: what cannot be meant, for a person; empty when all is well.
    """

    words: str = ""
    filters: dict[str, list[str]] = field(default_factory=dict)
    trouble: str = ""


def parse(text: str) -> Query:
    """Take a text apart."""
    words: list[str] = []
    filters: dict[str, list[str]] = {}
    troubles: list[str] = []
    for part in text.split():
        name, equals, value = part.partition("=")
        if not equals:
            words.append(part)
        elif name not in NAMES:
            troubles.append(f"There is no filter “{name}”; there are {', '.join(NAMES)}.")
        elif not value:
            example = next(kind.example for kind in KINDS if kind.name == name)
            troubles.append(f"“{name}=” needs a value, such as {name}={example}.")
        elif name == "dangling" and value not in ("true", "false", "1", "0"):
            troubles.append("“dangling=” is true or false.")
        else:
            filters.setdefault(name, []).append(value)
    return Query(" ".join(words), filters, " ".join(dict.fromkeys(troubles)))


class Kept:
    """What the engine's answer keeps of the lines: its images, and of their names those that it listed."""

    def __init__(self, images: list[Image]) -> None:
        self._names = {image.id: set(image.tags) for image in images}

    def __call__(self, line: Line) -> bool:
        names = self._names.get(line.image.id)
        return names is not None and (not line.is_tag or line.reference in names)
