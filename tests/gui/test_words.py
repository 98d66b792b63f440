"""The window in other languages: nothing stays English, and nothing is cut where words are longer."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
from PySide6.QtCore import QLocale
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QCheckBox,
    QDialogButtonBox,
    QLabel,
    QPushButton,
    QRadioButton,
    QToolButton,
    QWidget,
)
from pytestqt.qtbot import QtBot

from desktop.ui import words
from desktop.ui.appearance import use_language
from desktop.ui.pages.settings import SettingsPage
from desktop.ui.widgets.basics import Elided
from desktop.ui.widgets.dialogs import Question
from desktop.ui.window import Window
from tests.gui.drive import settings_page, top
from tests.gui.settings.steps import click
from tests.gui.stage import home, until, window
from tests.words.pseudo import NAME, Pseudo

TABS = ("resources", "folders", "behaviour", "engine", "windows", "proxy", "docker", "tls", "diagnosis", "reset")
PICTURE = 24
"""What an icon and the space after it take in a button."""


@pytest.fixture
def shown(qapp: QApplication) -> Iterator[Window]:
    """A window in the language of longer words."""
    words.use_catalogue(Pseudo(), NAME)
    try:
        with home("running"), window(qapp) as made:
            made.resize(1000, 640)
            yield made
    finally:
        words.use(words.ENGLISH)


@pytest.fixture
def page(shown: Window) -> SettingsPage:
    return settings_page(shown)


def text_of(widget: QWidget) -> str:
    return widget.text().strip() if isinstance(widget, QLabel | QAbstractButton) else ""


def cut(within: QWidget) -> list[str]:
    """Texts that need more room than they have."""
    return [
        f"{type(one).__name__}: {text_of(one)}"
        for one in within.findChildren(QWidget)
        if one.isVisible() and text_of(one) and not isinstance(one, Elided) and not fits(one)
    ]


def fits(widget: QWidget) -> bool:
    if isinstance(widget, QLabel):
        if widget.wordWrap():
            return widget.heightForWidth(widget.width()) <= widget.height()
        return widget.fontMetrics().size(0, widget.text()).width() <= widget.contentsRect().width()
    if isinstance(widget, QToolButton):
        return True  # has only a picture
    assert isinstance(widget, QAbstractButton)
    mark = PICTURE if not widget.icon().isNull() or isinstance(widget, QCheckBox | QRadioButton) else 0
    return widget.fontMetrics().horizontalAdvance(widget.text()) + mark <= widget.width()


def fits_all(within: QWidget) -> bool:
    return cut(within) == []


def english(within: QWidget) -> list[str]:
    """Words of labels and buttons that no catalogue has given, nor Qt, nor an engine."""
    return [
        text
        for one in within.findChildren(QWidget)
        if isinstance(one, QLabel | QPushButton | QCheckBox) and one.isVisible()
        if not isinstance(one.parent(), QDialogButtonBox)
        if (text := text_of(one)).replace(" ", "").isalpha() and "⟦" not in text and text != "Slipway"
    ]


def test_what_is_cut_or_english_is_found(qtbot: QtBot) -> None:
    outer = QWidget()
    qtbot.addWidget(outer)
    outer.resize(300, 200)
    label, box = QLabel("Somewhat long", outer), QCheckBox("Rather long too", outer)
    wrapped = QLabel("A text of several lines, which are more than there is room for", outer, wordWrap=True)
    wrapped.setGeometry(0, 80, 100, 20)
    for one in (label, box):
        one.resize(40, 20)
    outer.show()
    assert len(cut(outer)) == 3
    assert english(outer) == ["Somewhat long", "Rather long too"]
    for one in (label, box, wrapped):
        one.resize(290, 100)
    assert cut(outer) == []


@pytest.mark.parametrize("tab", TABS)
def test_longer_words_fit_in_the_settings(page: SettingsPage, shown: Window, tab: str) -> None:
    page.show_subject(tab)
    until(lambda: cut(shown) == [], f"room for {cut(shown)}")
    assert english(page) == []


def test_longer_words_fit_in_dialogs(page: SettingsPage, shown: Window) -> None:
    page.show_subject("reset")
    click(next(iter(page.reset.buttons.values())))
    question = top(Question)
    until(lambda: cut(question) == [], f"room for {cut(question)}")
    question.reject()
    for make in (shown.show_shortcuts, shown.choose_engine):
        dialog = make()
        until(partial(fits_all, dialog), f"room for {cut(dialog)}")
        assert english(dialog) == []
        dialog.reject()


@pytest.mark.parametrize(
    ("name", "title", "cancel"), [("de", "Einstellungen", "Abbrechen"), ("zh_CN", "设置", "取消")]
)
def test_a_translation_is_used_for_our_words_and_for_those_of_qt(
    qapp: QApplication, name: str, title: str, cancel: str
) -> None:
    with home("running"):
        translator = use_language(qapp, name)
        assert translator is not None, "Qt's own words"
        try:
            with window(qapp) as made:
                made.show_place("settings")
                labels = made.pages["settings"].findChildren(QLabel, "title")
                assert [label.text() for label in labels if isinstance(label, QLabel)] == [title]
                box = QDialogButtonBox(QDialogButtonBox.StandardButton.Cancel)
                assert (
                    box.button(QDialogButtonBox.StandardButton.Cancel).text().replace("&", "").startswith(cancel)
                )
        finally:
            qapp.removeTranslator(translator)
            words.use(words.ENGLISH)


def test_the_systems_language_is_used(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(QLocale, "uiLanguages", lambda _: ["fr-FR", "en-US"])
    assert use_language(qapp, "system") is None
    assert words.language() == "en"
