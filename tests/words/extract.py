"""Every text of the window that is translated: what is given to ``tr`` and its like, and the settings' own.

The settings are declared where no window is known (``desktop/settings/schema.py``); what the window shows of them
is read from the schema itself.
"""

from __future__ import annotations

import ast
import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from desktop.control.tls_files import REACHABLE
from desktop.settings.fields import KEY, Field
from desktop.settings.schema import Settings
from desktop.ui.words import KEYS, Key
from tests.architecture.sources import Source, is_below, sources

FUNCTIONS = ("tr", "ntr", "mark", "nmark", "phrase")
PLURAL = ("ntr", "nmark")
ELSEWHERE = "desktop/settings/schema.py"


@dataclass(frozen=True)
class Text:
    """:ivar many: the plural in English; empty if there is none.    :ivar places: where it is used."""

    key: Key
    many: str
    places: tuple[str, ...]


class UnclearText(ValueError):
    """What is given to a function is put together, so that no catalogue can have it."""


def texts() -> list[Text]:
    """All of them, in the order of their places.

    :raise UnclearText: one is put together where it is used.
    """
    found: dict[Key, Text] = {}
    read = (*window(), *(source for source in sources() if is_below(source.module, "desktop.settings")))
    code = (found for source in read for found in of_the_code(source))
    for key, many, place in (*code, *_of_the_settings()):
        known = found.get(key, Text(key, "", ()))
        places = known.places if place in known.places else (*known.places, place)
        found[key] = Text(key, known.many or many, places)
    return list(found.values())


def window() -> Iterable[Source]:
    """The modules of the window, but the one that translates."""
    found = (source for source in sources() if is_below(source.module, "desktop.ui"))
    return (source for source in found if source.module != "desktop.ui.words")


def name_of(call: ast.Call) -> str:
    """What is called, without what it belongs to."""
    called = call.func
    return called.attr if isinstance(called, ast.Attribute) else called.id if isinstance(called, ast.Name) else ""


def of_the_code(source: Source) -> Iterator[tuple[Key, str, str]]:
    """The texts of a module: key, plural, place.

    :raise UnclearText: one is put together where it is used.
    """
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Call) and name_of(node) in FUNCTIONS:
            yield from _of_call(node, str(source.path))


def _of_call(call: ast.Call, place: str) -> Iterator[tuple[Key, str, str]]:
    context = next((word.value for word in call.keywords if word.arg == "context"), None)
    said = context.value if isinstance(context, ast.Constant) else ""
    forms = [
        _literal(argument, f"{place}:{call.lineno}") for argument in call.args[: 1 + (name_of(call) in PLURAL)]
    ]
    if forms and forms[0]:
        yield Key(forms[0], str(said)), forms[1] if len(forms) > 1 else "", place


def _literal(given: ast.expr, place: str) -> str:
    """A literal; empty for a variable, whose text is marked where it is written."""
    if isinstance(given, ast.Constant) and isinstance(given.value, str):
        return given.value
    if isinstance(given, ast.JoinedStr | ast.BinOp | ast.IfExp):
        raise UnclearText(f"{place}: {ast.unparse(given)}")
    return ""


def _of_the_settings() -> Iterator[tuple[Key, str, str]]:
    for item in dataclasses.fields(Settings):  # also those that this computer does not have
        about: Field = item.metadata[KEY]
        section = about.section
        for text in (section.title, section.help, about.title, about.help, about.unit, about.example):
            if text:
                yield Key(text), "", ELSEWHERE
        for text in about.choices.values():
            yield Key(text), "", ELSEWHERE
    yield Key(REACHABLE), "", "desktop/control/tls_files.py"
    yield from ((Key(name), "", "desktop/ui/words.py") for name in KEYS)
