"""Texts that are shown and not translated: literals that read like words, and go to no ``tr`` or ``mark``.

What is a text cannot be known from the code alone. A literal counts as one if it has two words or begins like a
sentence, unless it is a docstring, goes to what shows nothing, or to a log.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.architecture.sources import Source
from tests.words.extract import FUNCTIONS, name_of

WORDS = re.compile(r"[^\W\d_]{2,}[,.:;…]? +[^\W\d_]{2,}|^[A-Z][a-z]{2,}\b(?![+\w])|[^\W\d_]{2,} ?…")
"""Two words, or one that begins in upper case."""

NAMES = {
    *("Slipway", "Kubernetes", "Kubernetes: {}", "Moby {}", "{} – Slipway", "https://mirror.example, https://…"),
    *("Pulling from ", "The push refers "),  # dockerd's
}
"""The same in all languages."""

HIDDEN = {
    *("debug", "info", "warning", "error", "exception"),  # of a log
    *("QKeySequence", "local_key", "_key"),  # names of keys
    *("setObjectName", "setProperty", "property", "findChild", "findChildren", "getattr", "setattr", "replace"),
    *(
        "resolve_name",
        "get",
        "run",
        "compile",
        "match",
        "split",
        "removeprefix",
        "removesuffix",
        "startswith",
        "endswith",
        "strptime",
    ),
    *("AssertionError", "LookupError", "RuntimeError", "TypeError", "ValueError", "TypeVar", "NewType"),
}
"""What is called with literals that nobody sees in the window."""

SHOWN_LOG = "log"
"""The name of a module's logger: ``error`` and others count as hidden only on it."""

LOGGED = ("debug", "info", "warning", "error", "exception")


def untranslatable(source: Source) -> list[str]:
    """The texts of a module that should be translated, each with its line."""
    return [f"{source.path}:{line}: {text!r}" for line, text in _texts(source.tree, source)]


def _texts(node: ast.AST, source: Source) -> Iterator[tuple[int, str]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Expr) and isinstance(child.value, ast.Constant):
            continue  # a docstring, of whatever it stands below
        if isinstance(child, ast.Assert | ast.Raise):
            continue
        if isinstance(child, ast.Call) and (name_of(child) in FUNCTIONS or _hides(child)):
            yield from _arguments_but_literals(child, source)
        elif isinstance(child, ast.Constant) and isinstance(child.value, str):
            if child.value not in NAMES and WORDS.search(child.value):
                yield child.lineno, child.value
        elif isinstance(child, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in child.values)
            if text not in NAMES and WORDS.search(text):
                yield child.lineno, text
            for part in child.values:
                if isinstance(part, ast.FormattedValue):
                    yield from _texts(part, source)
        elif isinstance(child, ast.Subscript):
            yield from _texts(child.value, source)
        elif isinstance(child, ast.arg) or (isinstance(child, ast.AnnAssign) and child.value is None):
            continue  # annotations
        else:
            yield from _texts(child, source)


def _hides(call: ast.Call) -> bool:
    name = name_of(call)
    if name in LOGGED:
        on = call.func.value if isinstance(call.func, ast.Attribute) else None
        return isinstance(on, ast.Name) and on.id == SHOWN_LOG
    return name in HIDDEN


def _arguments_but_literals(call: ast.Call, source: Source) -> Iterator[tuple[int, str]]:
    for argument in (*call.args, *(word.value for word in call.keywords)):
        if not isinstance(argument, ast.Constant | ast.JoinedStr):
            yield from _texts(ast.Expression(argument), source)
