"""How the window looks: the settings of theme, size of text and language, from the first paint on.

The supervisor has the settings, and the window paints before it has found one. So they are also kept in the
window's own memory. What differs is put right once they are known: theme and size at once, language at the next
start.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from PySide6.QtCore import QLibraryInfo, QLocale, QSettings, QTranslator
from PySide6.QtWidgets import QApplication

from desktop.settings.schema import field
from desktop.ui import words
from desktop.ui.memory import keep, recall
from desktop.ui.theme import Theme

SCHEME = "SLIPWAY_SCHEME"
"""Environment variable: ``light`` or ``dark`` overrides the setting, for screenshots."""

KEY = "appearance"
SETTINGS = ("theme", "text_size", "language")


class Appearance:
    """Of one application.

    :ivar theme: what it is drawn with.    :ivar translator: of Qt's own texts; None: they are English.
    """

    def __init__(self, app: QApplication, memory: QSettings) -> None:
        self._memory = memory
        self._used = _values(recall(memory, KEY))
        self.translator = use_language(app, self._used["language"])
        self.theme = Theme(app, os.environ.get(SCHEME, self._used["theme"]), self._used["text_size"])

    def adopt(self, settings: Mapping[str, Any]) -> None:
        """Use these settings, and remember them."""
        wanted = _values(settings)
        if wanted == self._used:
            return
        self._used = wanted
        keep(self._memory, KEY, wanted)
        self.theme.use(os.environ.get(SCHEME, wanted["theme"]), wanted["text_size"])


def use_language(app: QApplication, name: str) -> QTranslator | None:
    """Use a language, or ``system``'s, for our texts and for those of Qt's own, such as Cancel.

    :return: what translates Qt's; None where there is nothing to translate, or it is not installed.
    """
    chosen = words.best(QLocale.system().uiLanguages()) if name == "system" else name
    words.use(chosen)
    translator = QTranslator(app)
    folder = QLibraryInfo.path(QLibraryInfo.LibraryPath.TranslationsPath)
    if chosen == words.ENGLISH or not translator.load(f"qtbase_{chosen}", folder):
        return None
    app.installTranslator(translator)
    return translator


def _values(found: Mapping[str, Any]) -> dict[str, str]:
    """Each setting of the look; the default where there is none, or what this version does not know."""
    values = {}
    for name in SETTINGS:
        item = field(name)
        values[name] = found.get(name, item.default)
        if values[name] not in item.choices:
            values[name] = item.default
    return values
