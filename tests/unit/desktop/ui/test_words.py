"""Texts in the user's language: what is looked up, which form a number has, and which language is chosen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from desktop.ui import words
from desktop.ui.words import Catalogue, Key, best, entries, mark, nmark, ntr, read, tr, use

PO = """
msgid ""
msgstr ""
"Language: de\\n"
"Plural-Forms: nplurals=2; plural=n != 1;\\n"

#: some/where.py
msgid "Saved"
msgstr "Gespeichert"

msgid "{file} is in {folder}"
msgstr "In {folder} ist {file}"

msgid "{n} image"
msgid_plural "{n} images"
msgstr[0] "{n} Image"
msgstr[1] "{n} Images"

msgctxt "verb"
msgid "Open"
msgstr "Öffnen"

#, fuzzy
msgid "Guessed"
msgstr "Geraten"

msgid ""
"A long text, "
"in \\"two\\" pieces"
msgstr ""
"Ein langer Text,\\n"
"in „zwei“ Stücken"

msgid "Not yet"
msgstr ""
"""


@pytest.fixture
def german(tmp_path: Path) -> Iterator[Catalogue]:
    path = tmp_path / "de.po"
    path.write_text(PO, "utf-8")
    made = read(path)
    words.use_catalogue(made, "de")
    yield made
    use(words.ENGLISH)


def test_english_needs_no_catalogue() -> None:
    assert tr("Saved") == "Saved"
    assert tr("{file} is in {folder}", file="a", folder="b") == "a is in b"
    assert [ntr("{n} image", "{n} images", count) for count in (0, 1, 2)] == ["0 images", "1 image", "2 images"]
    assert tr("{braces} without values stay") == "{braces} without values stay"
    assert mark("Saved") == "Saved"
    assert nmark("one", "many") == ("one", "many")


@pytest.mark.usefixtures("german")
class TestGerman:
    def test_what_is_there_is_translated(self) -> None:
        assert words.language() == "de"
        assert tr("Saved") == "Gespeichert"
        assert tr("{file} is in {folder}", file="a", folder="b") == "In b ist a"
        assert tr('A long text, in "two" pieces') == "Ein langer Text,\nin „zwei“ Stücken"

    @pytest.mark.parametrize("text", ["Unknown", "Not yet", "Guessed", ""])
    def test_what_is_missing_empty_or_a_guess_stays_english(self, text: str) -> None:
        assert tr(text) == text

    def test_the_context_tells_texts_apart(self) -> None:
        assert tr("Open", context="verb") == "Öffnen"
        assert tr("Open") == "Open"

    def test_a_number_has_its_form(self) -> None:
        assert [ntr("{n} image", "{n} images", count) for count in (0, 1, 2)] == [
            "0 Images",
            "1 Image",
            "2 Images",
        ]
        assert ntr("{n} cup", "{n} cups", 2) == "2 cups"


def test_a_language_with_one_form_and_one_with_three() -> None:
    chinese = Catalogue({Key("{n} image"): ("{n} 个镜像",)}, "0")
    assert chinese.counted(Key("{n} image"), "{n} images", 5) == "{n} 个镜像"
    polish = Catalogue(rule="n==1 ? 0 : n%10>=2 && n%10<=4 && (n%100<10 || n%100>=20) ? 1 : 2")
    assert [polish.form(count) for count in (1, 2, 5, 12, 22)] == [0, 1, 2, 2, 1]


@pytest.mark.parametrize("text", ["msgid Saved", 'msgid "Saved', '"no name before it"'])
def test_what_is_no_catalogue_is_refused(text: str) -> None:
    with pytest.raises((ValueError, KeyError)):
        list(entries(f'{text}\nmsgstr "x"\n'))


def test_a_catalogue_that_cannot_be_read_leaves_english(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(words, "FOLDER", tmp_path)
    (tmp_path / "de.po").write_text('msgid "x', "utf-8")
    for name in ("de", "fr"):
        use(name)
        assert words.language() == words.ENGLISH
        assert f"{name}.po cannot be read" in caplog.text


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (["de-AT", "en"], "de"),
        (["fr-FR", "de-DE"], "de"),
        (["en-GB", "de"], "en"),
        (["zh-Hans-CN"], "zh_CN"),
        (["zh_SG"], "zh_CN"),
        (["zh-Hant-TW", "en"], "en"),
        ([], "en"),
    ],
)
def test_the_first_language_there_is(wanted: list[str], chosen: str) -> None:
    assert best(wanted) == chosen
