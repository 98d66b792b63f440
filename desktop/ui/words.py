"""The window's texts in the user's language, by gettext's rules and from gettext's files, without Qt.

The English text is the key: ``tr("Saved")``, ``tr("{file} is saved", file=name)``,
``ntr("{n} image", "{n} images", 3)``. What is declared before the language is known is marked where it is written,
``mark("Images")``, and translated where it is shown, ``tr(title)``. The catalogues are ``locale/LANGUAGE.po``,
read as they are, so that nothing has to be compiled. A text that a catalogue lacks stays English, and so do the
messages of the supervisor and of dockerd: people look for those in logs, in issues and on the web.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from gettext import c2py
from pathlib import Path
from typing import NamedTuple

from desktop.settings.phrases import Phrase

log = logging.getLogger(__name__)

FOLDER = Path(__file__).with_name("locale")

ENGLISH = "en"

KEYS = ("Ctrl", "Shift")
"""Of those that other keys are pressed with; the rest is translated with its text."""

PLURALS = "plural="
"""What the rule of plural forms begins with, in the header ``Plural-Forms``."""


class Key(NamedTuple):
    """Names one text of a catalogue. :ivar context: tells apart what English says in one word; mostly empty."""

    text: str
    context: str = ""


@dataclass
class Catalogue:
    """The texts of one language; without any it is English.

    :ivar forms: text → its translation, or one for each plural form.
    :ivar rule: which plural form a number has, as an expression of C.
    """

    forms: Mapping[Key, tuple[str, ...]] = field(default_factory=dict)
    rule: str = "n != 1"

    def __post_init__(self) -> None:
        self._rule = c2py(self.rule)

    def form(self, count: int) -> int:
        """Which of a text's plural forms a number has."""
        return self._rule(count)

    def text(self, key: Key) -> str:
        """A text's translation."""
        return next(iter(self.forms.get(key, ())), "") or key.text

    def counted(self, key: Key, many: str, count: int) -> str:
        """The form of a text for a number."""
        found = self.forms.get(key, ())
        place = self.form(count)
        return (found[place] if place < len(found) else "") or (key.text if count == 1 else many)


class _Used:
    """What is used by everything in the window."""

    catalogue = Catalogue()
    language = ENGLISH


def tr(text: str, /, *, context: str = "", **values: object) -> str:
    """A text in the user's language, with ``values`` in place of its ``{names}``; also a whole phrase."""
    if isinstance(text, Phrase):
        inner = text.values.items()
        values = {name: tr(value) if isinstance(value, Phrase) else value for name, value in inner}
        text = text.template
    found = _Used.catalogue.text(Key(text, context)) if text else ""
    return found.format(**values) if values else found


def ntr(one: str, many: str, count: float, /, *, context: str = "", **values: object) -> str:
    """The text for a number; ``{n}`` is the number."""
    found = _Used.catalogue.counted(Key(one, context), many, round(count))
    return found.format(n=f"{count:.0f}", **values)


def mark(text: str) -> str:
    """The text as it is; where it is shown it is translated, by :func:`tr`."""
    return text


def nmark(one: str, many: str) -> tuple[str, str]:
    """Singular and plural as they are; where they are shown they are translated, by :func:`ntr`."""
    return one, many


def key_names(text: str) -> str:
    """The names of keys in a text as they are on the user's keyboard."""
    for name in KEYS:
        text = text.replace(name, tr(name))
    return text


def language() -> str:
    """The language that is used: ``en``, or the name of a file in ``locale``."""
    return _Used.language


def use(name: str) -> None:
    """Use a language from now on, or English if it cannot be read; what is shown already keeps its words."""
    try:
        use_catalogue(Catalogue() if name == ENGLISH else read(FOLDER / f"{name}.po"), name)
    except (OSError, ValueError) as error:
        log.warning("the window's texts are English, as %s.po cannot be read: %r", name, error)
        use_catalogue(Catalogue(), ENGLISH)


def use_catalogue(catalogue: Catalogue, name: str) -> None:
    """Use a catalogue that is no file."""
    _Used.catalogue, _Used.language = catalogue, name


def offered() -> list[str]:
    """The languages there are."""
    return [ENGLISH, *sorted(path.stem for path in FOLDER.glob("*.po"))]


def best(wanted: Iterable[str]) -> str:
    """The first of a user's languages that there is, else English; ``de`` for ``de-AT``, say."""
    known = offered()
    for one in wanted:
        parts = one.replace("-", "_").split("_")
        if parts[0] == "zh":
            traditional = {"Hant", "TW", "HK", "MO"} & set(parts)
            parts = ["zh", "TW" if traditional else "CN"]
        for name in ("_".join(parts), parts[0]):
            if name in known:
                return name
    return ENGLISH


# -- catalogues --------------------------------------------------------------------------------------------------


@dataclass
class Entry:
    """One text as a catalogue's file has it. :ivar flags: such as ``fuzzy``, which is not used."""

    key: Key
    many: str = ""
    forms: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()


def read(path: Path) -> Catalogue:
    """The catalogue of a file.

    :raise ValueError: a line is not of gettext's syntax.
    """
    forms = {one.key: one.forms for one in entries(path.read_text("utf-8")) if "fuzzy" not in one.flags}
    (header,) = forms.pop(Key(""), ("",))
    parts = (part.strip() for part in header.replace("\n", ";").split(";"))
    rule = next((part.removeprefix(PLURALS) for part in parts if part.startswith(PLURALS)), "n != 1")
    return Catalogue(forms, rule)


def entries(text: str) -> Iterator[Entry]:
    """The texts of a catalogue in gettext's syntax (https://www.gnu.org/software/gettext/manual/html_node/PO-Files.html).

    :raise ValueError: a line is not of it.
    """
    fields: dict[str, str] = {}
    flags: list[str] = []
    name = ""
    for line in [*text.splitlines(), "msgid"]:
        word, _, rest = line.strip().partition(" ")
        begins = word in ("msgctxt", "msgid") or word.startswith("#")
        if begins and any(known.startswith("msgstr") for known in fields):
            yield _entry(fields, flags)
            fields, flags = {}, []
        if word == "#,":
            flags += [part.strip() for part in rest.split(",")]
        elif word.startswith("msg") and rest:
            name = word
            fields[name] = json.loads(rest)
        elif word.startswith('"'):
            fields[name] += json.loads(line.strip())


def _entry(fields: dict[str, str], flags: list[str]) -> Entry:
    forms = [fields[word] for word in sorted(fields) if word.startswith("msgstr")]
    key = Key(fields["msgid"], fields.get("msgctxt", ""))
    return Entry(key, fields.get("msgid_plural", ""), tuple(forms), tuple(flags))
