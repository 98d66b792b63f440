"""The look: from the window's memory at its first paint, and from the settings once they are known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication, QLabel
from pytestqt.qtbot import QtBot

from desktop.ui import words
from desktop.ui.appearance import KEY, Appearance
from desktop.ui.memory import keep, memory, recall
from desktop.ui.pages.engines import COLUMNS
from desktop.ui.pages.settings import SettingsPage
from desktop.ui.theme import Theme
from desktop.ui.widgets.table import Table
from desktop.ui.window import Window
from tests.gui.settings.steps import choose, click, show
from tests.gui.stage import until


@pytest.fixture
def kept(tmp_path: Path) -> QSettings:
    return memory(tmp_path)


@pytest.fixture(autouse=True)
def _as_before(qapp: QApplication) -> Iterator[None]:
    before = Theme.used
    yield
    Theme.used = before
    words.use(words.ENGLISH)
    (before or Theme(qapp)).use("light", "medium")


def test_what_was_kept_is_used_at_once(qapp: QApplication, kept: QSettings) -> None:
    keep(kept, KEY, {"theme": "dark", "text_size": "large", "language": "de"})
    look = Appearance(qapp, kept)
    assert look.theme.dark
    assert look.theme.size("size_body") == 16
    assert words.language() == "de"
    assert look.translator is not None
    qapp.removeTranslator(look.translator)


def test_what_is_kept_and_unknown_is_the_default(qapp: QApplication, kept: QSettings) -> None:
    keep(kept, KEY, {"theme": "sepia", "text_size": 3, "language": "tlh"})
    assert Appearance(qapp, kept).theme.size("size_body") == 13


def test_a_change_is_used_and_kept(qapp: QApplication, kept: QSettings) -> None:
    look = Appearance(qapp, kept)
    told = []
    look.theme.changed.connect(lambda: told.append(look.theme.dark))
    look.adopt({"cpus": 2, "theme": "dark", "text_size": "small"})
    look.adopt({"cpus": 4, "theme": "dark", "text_size": "small"})  # nothing of the look differs
    assert told == [True]
    assert recall(kept, KEY) == {"theme": "dark", "text_size": "small", "language": "system"}


def test_larger_text_is_larger_everywhere(shown: Window, kept: QSettings, qapp: QApplication) -> None:
    look = Appearance(qapp, kept)
    shown.session.settings_read.connect(look.adopt)
    shown.show_place("settings")
    page = shown.pages["settings"]
    assert isinstance(page, SettingsPage)
    show(page, "behaviour")
    title = page.findChild(QLabel, "title")
    assert isinstance(title, QLabel)
    before = title.fontMetrics().height()
    choose(page.behaviour, "text_size", "largest")
    click(page.bar.apply)
    until(lambda: title.fontMetrics().height() >= 1.3 * before, "larger text")


@pytest.mark.parametrize(("size", "width"), [("medium", 150), ("largest", 210)])
def test_columns_grow_with_the_text(
    qapp: QApplication, kept: QSettings, qtbot: QtBot, size: str, width: int
) -> None:
    keep(kept, KEY, {"text_size": size})
    Appearance(qapp, kept)
    table = Table(COLUMNS, "Engines")
    qtbot.addWidget(table)
    table.resize(1200, 300)
    table.show()
    assert table.header().sectionSize(1) == width
