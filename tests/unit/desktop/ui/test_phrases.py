"""What is wrong with a setting is said in the user's language, though it is found where no window is known."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from desktop.settings.changes import problems
from desktop.settings.fields import HostSize
from desktop.settings.phrases import Phrase, phrase
from desktop.ui import words
from desktop.ui.words import tr

SIZE = HostSize(4, 8192)


@pytest.fixture
def _german() -> Iterator[None]:
    words.use("de")
    yield
    words.use(words.ENGLISH)


def test_it_is_the_english_text() -> None:
    made = phrase("{range}, or {other}", range=phrase("{minimum} to {maximum}", minimum=1, maximum=4), other=0)
    assert made == "1 to 4, or 0"
    assert phrase('{"debug": true}') == '{"debug": true}'
    assert tr(made) == made


@pytest.mark.usefixtures("_german")
@pytest.mark.parametrize(
    ("values", "why", "hint"),
    [
        (
            {"cpus": 999},
            "999 ist nicht möglich",
            "Wählen Sie 1 bis 256 Prozessoren, oder 0, damit Slipway wählt.",
        ),
        (
            {"cpus": 8},
            "8 ist nicht möglich: Ihr Computer hat 4 Prozessoren",
            "Wählen Sie höchstens 4, oder 0, damit Slipway wählt.",
        ),
        ({"daemon": {"debug": "yes"}}, 'muss true oder false sein, nicht "yes"', ""),
        (
            {"daemon": {"registry-mirror": []}},
            "ist keine Einstellung von dockerd",
            "Meinten Sie „registry-mirrors“?",
        ),
        (
            {"shared_folders": ["/etc"]},
            "„/etc“ geht nicht: es ist ein Systemordner",
            "Geben Sie den Ordner mit Ihren eigenen Dateien frei.",
        ),
    ],
)
def test_it_is_said_in_german(values: dict[str, Any], why: str, hint: str) -> None:
    (error,) = problems(values, SIZE)
    assert (tr(error.why), tr(error.hint)) == (why, hint)


@pytest.mark.parametrize(
    "values",
    [
        {"cpus": "two"},
        {"share_home": 1},
        {"accelerator": "warp"},
        {"mirror": "x"},
        {"daemon": "{"},
        {"daemon": {"data-root": "/x"}},
        {"daemon": {"bip": "y"}},
        {"daemon": {"registry-mirrors": ["mirror"]}},
        {"daemon": {"insecure-registries": ["http://x"]}},
        {"daemon": {"default-runtime": "x"}},
        {"daemon": {"proxies": {"http-proxy": "ftp://x", "other": ""}}},
        {"daemon": {"log-opts": {"max-size": 1}}},
        {"shared_folders": ["relative"]},
        {"shared_folders": ["/a", "/a/b"]},
    ],
)
def test_every_reason_can_be_translated(values: dict[str, Any]) -> None:
    found = problems(values, SIZE)
    assert found
    assert all(isinstance(error.why, Phrase) and isinstance(error.hint, Phrase | str) for error in found)
    assert [error.hint for error in found if error.hint and not isinstance(error.hint, Phrase)] == []
