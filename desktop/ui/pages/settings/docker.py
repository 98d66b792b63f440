"""Docker context: which engine plain ``docker`` talks to, whether it answers, and the way back."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from PySide6.QtWidgets import QFormLayout

from desktop.control.client import ControlClient
from desktop.control.schema import ContextReport, Note
from desktop.ui.context import Context
from desktop.ui.models.settings import SettingsModel
from desktop.ui.pages.settings.form import CAPTION, SettingsForm, titled
from desktop.ui.widgets.basics import button, label, row
from desktop.ui.words import ntr, tr


class ContextTab(SettingsForm):
    """The current Docker context, and when Slipway's becomes current."""

    def __init__(self, context: Context, model: SettingsModel) -> None:
        super().__init__(model, "docker")
        self._context = context
        self.current, self.engine, self.answer = (label("…", select=True) for _ in range(3))
        self.override = label("", "reason", wrap=True, select=True)
        self.override.hide()
        lines = QFormLayout()
        for caption, value in (
            (tr("Current context"), self.current),
            (tr("Its engine"), self.engine),
            (tr("Answers"), self.answer),
        ):
            words = label(caption, "muted")
            words.setMinimumWidth(CAPTION)
            lines.addRow(words, value)
        self.use = button(tr("Use Slipway"), lambda: self._do(lambda client: client.use_context()))
        self.restore = button(tr("Restore previous"), lambda: self._do(lambda client: client.restore_context()))
        help = tr("Which engine it uses when a command does not name one.")
        parts = lines, self.override, row(self.use, self.restore, None)
        self.add_card(titled(tr("The docker command"), help, *parts), first=True)

    def showEvent(self, event: Any) -> None:
        super().showEvent(event)
        self.load()

    def load(self) -> None:
        """Ask which context is current."""
        self._context.session.control(lambda client: client.context(), self.show_docker, owner=self)

    def show_docker(self, report: ContextReport) -> None:
        """Say what the docker command would use now."""
        others = len(report.names) - 1
        names = ", ".join(name for name in report.names if name != report.current)
        more = (
            ntr("  ·  {n} other: {names}", "  ·  {n} others: {names}", others, names=names) if others > 0 else ""
        )
        self.current.setText(report.current + more)
        self.engine.setText((report.address or tr("none")) + (tr("  ·  Slipway's") if report.ours else ""))
        self.answer.setText(tr("yes") if report.answers else tr("no"))
        self.override.setText(
            tr(
                "The variable {override} overrides the context. Unset it to use the context.",
                override=report.override,
            )
            if report.override
            else ""
        )
        self.override.setVisible(bool(report.override))
        self.use.setEnabled(report.current != "slipway")
        self.restore.setEnabled(report.current == "slipway")
        self.restore.setText(
            tr("Restore “{previous}”", previous=report.previous) if report.previous else tr("Restore previous")
        )
        self.restore.setAccessibleName(self.restore.text())

    def _do(self, call: Callable[[ControlClient], Coroutine[Any, Any, Note]]) -> None:
        self._context.note(call, self.load, owner=self)
