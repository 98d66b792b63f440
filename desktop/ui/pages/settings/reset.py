"""Reset in levels; each says what it takes away before it does."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QVBoxLayout, QWidget

from desktop.control.schema import ResetLevel
from desktop.ui.theme import PAD
from desktop.ui.widgets.basics import button, card, label, row
from desktop.ui.widgets.dialogs import Question

if TYPE_CHECKING:
    from desktop.ui.pages.settings.page import SettingsPage

LEVELS = {
    ResetLevel.SETTINGS: (
        "Settings",
        "Sets all settings back to their defaults. Containers, images and volumes stay.",
        "Reset the settings…",
    ),
    ResetLevel.DATA: (
        "Containers, images and volumes",
        "Deletes everything in the machine and its keys. The settings and the machine's system image stay.",
        "Begin anew…",
    ),
    ResetLevel.ALL: (
        "Everything",
        "Also deletes the settings, the system images and what Slipway has put into this desktop, as if it had "
        "never been started.",
        "Reset everything…",
    ),
}


class ResetTab(QWidget):
    """See the module."""

    def __init__(self, page: SettingsPage) -> None:
        super().__init__()
        self.page = page
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, PAD, PAD, 0)
        outer.setSpacing(PAD)
        self.buttons = {}
        for level, (title, text, verb) in LEVELS.items():
            made = self.buttons[level] = button(verb, partial(self._ask, level))
            outer.addWidget(card(label(title, "section"), label(text, "muted", wrap=True), row(made, None)))
        outer.addStretch(1)

    def _ask(self, level: ResetLevel) -> None:
        context = self.page.context

        def done() -> None:
            context.banners.tell("done", f"{LEVELS[level][0]}: reset")
            self.page.discard()

        def plan(lines: list[str]) -> None:
            question = Question(self, "Reset Slipway?", "This cannot be undone. It will:", "Reset", names=lines)
            question.then(
                lambda _: context.session.control_work(
                    lambda client: client.reset(level), context.banners.error, done=done
                )
            )

        context.session.control(lambda client: client.reset_plan(level), plan, context.banners.error, owner=self)
