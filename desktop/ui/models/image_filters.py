"""The docker command's filters in the search field, such as ``before=nginx label=team=core web``."""

from __future__ import annotations

from dataclasses import dataclass, field

from desktop.ui.models.images import Line
from engine.client.models import Image


@dataclass(frozen=True)
class Kind:
    """One filter of ``docker images --filter``. :ivar example: a value."""

    name: str
    example: str
    about: str


KINDS = (
    Kind("dangling", "true", "without a name; “false”: with one"),
    Kind("before", "nginx:1.29", "created before another image"),
    Kind("since", "nginx:1.29", "created after another image"),
    Kind("label", "team=core", "with a label, or with a label and value"),
    Kind("reference", "*/nginx:1.*", "whose name matches a pattern"),
    Kind("until", "24h", "created before a time, or longer ago"),
)
NAMES = tuple(kind.name for kind in KINDS)


@dataclass(frozen=True)
class Query:
    """A parsed search.

    :ivar words: searched for in the rows.    :ivar filters: sent to the engine.
    :ivar error: what is wrong with the text; empty when nothing is.
    """

    words: str = ""
    filters: dict[str, list[str]] = field(default_factory=dict)
    error: str = ""


def parse(text: str) -> Query:
    """Parse the text of the search field."""
    words: list[str] = []
    filters: dict[str, list[str]] = {}
    errors: list[str] = []
    for part in text.split():
        name, equals, value = part.partition("=")
        if not equals:
            words.append(part)
        elif name not in NAMES:
            errors.append(f"There is no filter “{name}”. Filters are {', '.join(NAMES)}.")
        elif not value:
            example = next(kind.example for kind in KINDS if kind.name == name)
            errors.append(f"“{name}=” needs a value, such as {name}={example}.")
        elif name == "dangling" and value not in ("true", "false", "1", "0"):
            errors.append("“dangling=” must be true or false.")
        else:
            filters.setdefault(name, []).append(value)
    return Query(" ".join(words), filters, " ".join(dict.fromkeys(errors)))


class Listed:
    """A test for lines: is the image in the engine's answer, and the tag among those it lists?"""

    def __init__(self, images: list[Image]) -> None:
        self._names = {image.id: set(image.tags) for image in images}

    def __call__(self, line: Line) -> bool:
        names = self._names.get(line.image.id)
        return names is not None and (not line.is_tag or line.reference in names)
