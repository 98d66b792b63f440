"""Reset in levels, those that delete data apart; each says what it deletes before it does."""

from __future__ import annotations

from functools import partial

from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop.control.schema import ResetLevel
from desktop.ui.context import Context
from desktop.ui.models.settings import SettingsModel
from desktop.ui.pages.settings.form import titled
from desktop.ui.theme import MARGIN, PAD
from desktop.ui.widgets.basics import button, label, row
from desktop.ui.widgets.dialogs import Question
from desktop.ui.words import mark, tr

LEVELS = {
    ResetLevel.SETTINGS: (
        mark("Settings"),
        mark("Restores the defaults of all settings. Keeps containers, images and volumes."),
        mark("Reset settings…"),
    ),
    ResetLevel.DATA: (
        mark("Containers, images and volumes"),
        mark(
            "Deletes everything in the virtual machine, your images included, and its keys. Keeps the settings "
            "and the machine's system image."
        ),
        mark("Delete data…"),
    ),
    ResetLevel.ALL: (
        mark("Everything"),
        mark(
            "Also deletes the settings, the machine's system image and the entries in your desktop's menu, as if "
            "Slipway had never been started."
        ),
        mark("Reset everything…"),
    ),
}

DESTROYS = (ResetLevel.DATA, ResetLevel.ALL)
"""Levels that delete what the user has made; they stand apart."""

APART = mark("These delete your data, for good")


class ResetTab(QWidget):
    """One card per level."""

    def __init__(self, context: Context, model: SettingsModel) -> None:
        super().__init__()
        self._context, self._model = context, model
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, PAD, 0, 0)
        outer.setSpacing(PAD)
        self.buttons = {}
        for level, (title, text, verb) in LEVELS.items():
            if level is DESTROYS[0]:
                outer.addSpacing(MARGIN)
                outer.addWidget(label(tr(APART), "section"))
            made = self.buttons[level] = button(tr(verb), partial(self._ask, level))
            frame = titled(tr(title), tr(text), row(made, None))
            if level in DESTROYS:
                frame.setObjectName("danger")
                made.setProperty("danger", "outline")
            outer.addWidget(frame)
        outer.addStretch(1)

    def _ask(self, level: ResetLevel) -> None:
        context = self._context

        def done() -> None:
            context.banners.show_message("done", tr("{what}: reset", what=tr(LEVELS[level][0])))
            self._model.discard()
            self._model.load()

        def plan(lines: list[str]) -> None:
            question = Question(
                self, tr("Reset Slipway?"), tr("This cannot be undone. It will:"), tr("Reset"), names=lines
            )
            question.then(
                lambda _: context.session.control_work(
                    lambda client: client.reset(level), context.banners.error, done=done
                )
            )

        context.session.control(lambda client: client.reset_plan(level), plan, context.banners.error, owner=self)
