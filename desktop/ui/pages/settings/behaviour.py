"""Behaviour: starting at login, what closing the window does, and the place in the desktop's menu."""

from __future__ import annotations

from functools import partial

from desktop.ui.context import Context
from desktop.ui.models.settings import SettingsModel
from desktop.ui.pages.settings.form import SettingsForm, titled
from desktop.ui.widgets.basics import button, label, row
from desktop.ui.words import tr


class BehaviourTab(SettingsForm):
    """How Slipway behaves on the desktop."""

    def __init__(self, context: Context, model: SettingsModel) -> None:
        super().__init__(model, "behaviour")
        self._context = context
        self.menu_note = label(tr("Makes Slipway easy to find and open."), "muted", wrap=True)
        self.menu_add = button(tr("Add Slipway"), partial(self._menu, True))
        self.menu_remove = button(tr("Remove Slipway"), partial(self._menu, False))
        buttons = row(self.menu_add, self.menu_remove, None)
        self.add_card(titled(tr("Applications menu"), "", self.menu_note, buttons))
        model.changed.connect(self._show_menu)

    def _show_menu(self) -> None:
        report = self.model.report
        why_not = report.no_menu if report is not None else ""
        for press in (self.menu_add, self.menu_remove):
            press.setVisible(not why_not)
        if why_not:
            self.menu_note.setText(f"{why_not}.")

    def _menu(self, wanted: bool) -> None:
        self._context.note(lambda client: client.menu(wanted), owner=self)
