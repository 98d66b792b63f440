"""Writes catalogues in gettext's syntax: the texts in the order of the code, with what is translated already."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from desktop.ui.words import FOLDER, Entry, Key, entries
from tests.words.extract import Text

WIDTH = 100


def languages() -> list[Path]:
    """The catalogues."""
    return sorted(FOLDER.glob("*.po"))


def known(path: Path) -> dict[Key, Entry]:
    """What a catalogue has, by its keys; its header is the empty one."""
    return {one.key: one for one in entries(path.read_text("utf-8"))}


def written(header: Entry, wanted: Sequence[Text], have: Mapping[Key, Entry], forms: int) -> str:
    """A catalogue with exactly the wanted texts. :param forms: how many plural forms the language has."""
    parts = ["\n".join(_entry(header.key, "", header.forms, ()))]
    for text in wanted:
        count = forms if text.many else 1
        old = have[text.key].forms if text.key in have else ()
        parts.append("\n".join(_entry(text.key, text.many, (*old, *[""] * count)[:count], text.places)))
    return "\n\n".join(parts) + "\n"


def _entry(key: Key, many: str, forms: Sequence[str], places: Sequence[str]) -> Iterator[str]:
    yield from (f"#: {place}" for place in places)
    if key.context:
        yield f"msgctxt {_quoted(key.context)}"
    yield f"msgid {_quoted(key.text)}"
    if many:
        yield f"msgid_plural {_quoted(many)}"
        yield from (f"msgstr[{number}] {_quoted(form)}" for number, form in enumerate(forms))
    else:
        yield f"msgstr {_quoted(forms[0])}"


def _quoted(text: str) -> str:
    """As one string, or as several where it has lines or is long."""
    lines = [piece for line in text.splitlines(keepends=True) for piece in _pieces(line)]
    if len(lines) < 2:
        return json.dumps(text, ensure_ascii=False)
    return "\n".join(['""', *(json.dumps(line, ensure_ascii=False) for line in lines)])


def _pieces(line: str) -> Iterator[str]:
    while len(line) > WIDTH and (cut := line.rfind(" ", 0, WIDTH)) > 0:
        yield line[: cut + 1]
        line = line[cut + 1 :]
    yield line
