"""The window's texts: every one can be translated, and every catalogue has every one, with its fields."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from desktop.ui.words import Entry, Key, read
from tests.architecture.sources import Source
from tests.words import UNTRANSLATED
from tests.words.catalogue import known, languages
from tests.words.extract import Text, UnclearText, of_the_code, texts, window
from tests.words.untranslatable import untranslatable

HINT = "run `python3 -m tests.words`, and translate what it names"


@cache
def wanted() -> dict[Key, Text]:
    return {text.key: text for text in texts()}


def made(path: Path) -> dict[Key, Entry]:
    """A catalogue without its header."""
    return {key: entry for key, entry in known(path).items() if key.text}


@pytest.mark.parametrize("path", languages(), ids=lambda path: path.stem)
class TestCatalogues:
    def test_it_has_every_text_and_no_other(self, path: Path) -> None:
        assert list(made(path)) == list(wanted()), HINT
        assert [one.key.text for one in made(path).values() if not all(one.forms)] == [], HINT
        assert [one.key.text for one in made(path).values() if one.flags] == [], "only what is certain is used"

    def test_every_number_has_its_form(self, path: Path) -> None:
        forms = 1 + max(map(read(path).form, range(1000)))
        plural = {key: text.many for key, text in wanted().items() if text.many}
        found = {key: entry.many for key, entry in made(path).items() if entry.many}
        assert found == plural, HINT
        assert [key.text for key in plural if len(made(path)[key].forms) != forms] == []

    def test_fields_and_spaces_around_are_those_of_the_english_text(self, path: Path) -> None:
        unlike = [
            (one.key.text, form)
            for one in made(path).values()
            for form in one.forms
            if fields(form) != fields(one.many or one.key.text) or spaces(form) != spaces(one.key.text)
        ]
        assert unlike == []


def fields(text: str) -> set[str]:
    return set(re.findall(r"\{(\w*)\}", text))


def spaces(text: str) -> tuple[bool, bool]:
    return text[:1] == " ", text[-1:] == " "


def test_texts_of_the_window_are_translated() -> None:
    """All but those of the modules that are listed; a module that is done leaves the list."""
    found = {str(source.path): untranslatable(source) for source in window()}
    listed = set(UNTRANSLATED.read_text("utf-8").split())
    new = [line for path, lines in found.items() if path not in listed for line in lines]
    assert not new, "give them to tr() or mark():\n" + "\n".join(new)
    assert sorted(path for path in listed if not found.get(path)) == [], f"done: take it off {UNTRANSLATED.name}"


def source_of(code: str) -> Source:
    return Source(Path("sample.py"), "desktop.ui.sample", code, ast.parse(code))


@pytest.mark.parametrize(
    "code",
    [
        'label("Saved")',
        'label("nothing was changed")',
        'self.setText(f"only {size} free of it")',
        'TEXT = "Look it through before you share it"',
        'button("Save" if new else tr("Save as"))',
        'label(f"{tr(title)} Loading …")',
        'question(names=["Images", *others])',
    ],
)
def test_what_is_shown_is_found(code: str) -> None:
    assert len(untranslatable(source_of(code))) == 1


@pytest.mark.parametrize(
    "code",
    [
        'label(tr("Saved"))',
        'TEXT = mark("Look it through")',
        '"""Two words of a docstring."""',
        'raise LookupError(f"{name} needs an editor")',
        'assert known, "it is not known"',
        'log.error("it failed: %s", error)',
        'local_key(self, "Del", self.remove)',
        'settings["Swarm"]',
        'widget.setObjectName("card")',
        'label("{n} MiB")',
        'QKeySequence("Ctrl+Shift+F3")',
    ],
)
def test_what_is_not_shown_is_passed_over(code: str) -> None:
    assert untranslatable(source_of(code)) == []


def test_a_text_that_is_put_together_is_refused() -> None:
    with pytest.raises(UnclearText, match=r"sample\.py:1"):
        list(of_the_code(source_of('label(tr(f"{count} images"))')))
    assert list(of_the_code(source_of("label(tr(title))"))) == []
