"""Behaviour: starting at login, what closing the window does, and the place in the desktop's menu."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from desktop.control.schema import SettingsReport
from desktop.ui.pages.settings.form import FormTab
from desktop.ui.widgets.basics import button, label, row

if TYPE_CHECKING:
    from desktop.ui.pages.settings.page import SettingsPage

CLOSING = {
    "tray": "Keep the tray icon; the engine goes on",
    "quit": "Quit; the engine goes on",
    "stop": "Stop the engine and quit",
}


class BehaviourTab(FormTab):
    """See the module."""

    def __init__(self, page: SettingsPage) -> None:
        super().__init__(page)
        form = self.form("Login")
        self.login = self.tick(form, "start_at_login", "Start the engine when I log in")
        form.addRow(label("In the background, with the icon beside the clock; no window opens.", "muted"))
        window = self.form("The window")
        self.closing = self.choice(window, "on_close", "Closing it does", CLOSING)
        menu = self.form("Applications menu")
        self.menu_note = label("So that Slipway can be found and opened with a click.", "muted", wrap=True)
        self.menu_add = button("Add Slipway", partial(self._menu, True))
        self.menu_remove = button("Remove it", partial(self._menu, False))
        menu.addRow(self.menu_note)
        menu.addRow(row(self.menu_add, self.menu_remove, None))
        self.finish()

    def show_report(self, report: SettingsReport, *, anew: bool = False) -> None:
        for press in (self.menu_add, self.menu_remove):
            press.setVisible(not report.no_menu)
        if report.no_menu:
            self.menu_note.setText(f"{report.no_menu}.")
        super().show_report(report, anew=anew)

    def _menu(self, wanted: bool) -> None:
        banners = self.page.context.banners
        self.page.context.session.control(
            lambda client: client.menu(wanted),
            lambda note: banners.tell("done", note.text),
            banners.error,
            owner=self,
        )
