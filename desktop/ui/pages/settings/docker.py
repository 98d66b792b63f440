"""Docker context: which engine plain ``docker`` talks to, whether it answers, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from PySide6.QtWidgets import QFormLayout

from desktop.control.client import ControlClient
from desktop.control.schema import ContextReport, Note
from desktop.ui.models.format import counted
from desktop.ui.pages.settings.form import CAPTION, FormTab
from desktop.ui.widgets.basics import button, card, label, row

if TYPE_CHECKING:
    from desktop.ui.pages.settings.page import SettingsPage

POLICIES = {
    "auto": "When the current context does not work",
    "always": "At every start",
    "never": "Never",
}


class ContextTab(FormTab):
    """See the module."""

    def __init__(self, page: SettingsPage) -> None:
        super().__init__(page)
        self.current, self.engine, self.answer = (label("…", select=True) for _ in range(3))
        self.override = label("", "reason", wrap=True, select=True)
        self.override.hide()
        facts = QFormLayout()
        for caption, value in (
            ("Current context", self.current),
            ("Its engine", self.engine),
            ("Answers", self.answer),
        ):
            words = label(caption, "muted")
            words.setMinimumWidth(CAPTION)
            facts.addRow(words, value)
        self.use = button("Use Slipway", lambda: self._do(lambda client: client.use_context()))
        self.restore = button("Back to the one before", lambda: self._do(lambda client: client.restore_context()))
        self.outer.addWidget(
            card(
                label("The docker command", "section"),
                label("Where it goes when nothing else is said.", "muted"),
                facts,
                self.override,
                row(self.use, self.restore, None),
            )
        )
        form = self.form("At a start of the machine")
        self.policy = self.choice(form, "context", "Switch to Slipway", POLICIES)
        self.finish()

    def show_docker(self, report: ContextReport) -> None:
        """What the docker command would do now."""
        others = len(report.names) - 1
        more = f"  ·  {counted(others, 'other')}: " + ", ".join(
            name for name in report.names if name != report.current
        )
        self.current.setText(report.current + (more if others > 0 else ""))
        self.engine.setText((report.address or "none") + ("  ·  Slipway's" if report.ours else ""))
        self.answer.setText("yes" if report.answers else "no")
        self.override.setText(
            f"The variable {report.override} goes before any context; unset it to let the context count."
            if report.override
            else ""
        )
        self.override.setVisible(bool(report.override))
        self.use.setEnabled(report.current != "slipway")
        self.restore.setEnabled(report.current == "slipway")
        self.restore.setText(f"Back to “{report.previous}”" if report.previous else "Back to the one before")
        self.restore.setAccessibleName(self.restore.text())

    def _do(self, call: Callable[[ControlClient], Coroutine[Any, Any, Note]]) -> None:
        banners = self.page.context.banners

        def told(note: Note) -> None:
            banners.tell("done", note.text)
            self.page.load()

        self.page.context.session.control(call, told, banners.error, owner=self)
