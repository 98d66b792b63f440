"""Windows containers: the switch, and the engine's proxy and daemon.json, which are not those of Linux containers.

Where there can be no such engine the tab is there all the same, grey, with the reason.
"""

from __future__ import annotations

from PySide6.QtWidgets import QFormLayout, QFrame, QLineEdit

from desktop.settings.fields import Section
from desktop.settings.schema import SWITCH
from desktop.ui.models.settings import SettingsModel
from desktop.ui.pages.settings.editors import WIDE, LineEditor
from desktop.ui.pages.settings.engine import DaemonEditor
from desktop.ui.pages.settings.form import CAPTION, SettingsForm, titled
from desktop.ui.pages.settings.proxy import PROXIES
from desktop.ui.widgets.basics import label
from desktop.ui.words import mark, tr

SETTING = "windows_daemon"
WINDOWS_PROXY = Section("windows", mark("Proxy"), mark("For downloads of images for Windows containers."))
TITLES = {
    "http-proxy": mark("HTTP proxy of Windows containers"),
    "https-proxy": mark("HTTPS proxy of Windows containers"),
    "no-proxy": mark("No proxy of Windows containers for"),
}
"""For screen readers: the tab Network has lines of the same captions."""


class WindowsTab(SettingsForm):
    """:ivar note: why the settings are not used now; hidden where they are."""

    def __init__(self, model: SettingsModel) -> None:
        offered = any(item.name == SETTING for item in model.fields)
        super().__init__(model, "windows", {SETTING: DaemonEditor}, [SWITCH, WINDOWS_PROXY] if offered else [])
        self.note = label("", wrap=True, select=True)
        self._frame = titled(tr("Windows containers"), "", self.note)
        self._frame.hide()
        if offered:
            for key, (title, example) in PROXIES.items():
                line = LineEditor(model, f"{SETTING}.proxies.{key}", tr(title), example=example)
                line.widget.setAccessibleName(tr(TITLES[key]))
                self.add_editor(WINDOWS_PROXY, line)
        else:
            self.add_card(_unavailable())
        self.add_card(self._frame, first=True)
        model.changed.connect(self._show_note)

    def _show_note(self) -> None:
        why_not = self.model.report.no_windows if self.model.report is not None else ""
        self.note.setText(f"{why_not[:1].upper()}{why_not[1:].removesuffix('.')}.")
        self._frame.setVisible(bool(why_not))


def _unavailable() -> QFrame:
    """The proxy's lines, grey."""
    lines = QFormLayout()
    for key, (title, example) in PROXIES.items():
        caption, line = label(tr(title), "muted"), QLineEdit(placeholderText=example)
        caption.setMinimumWidth(CAPTION)
        caption.setBuddy(line)
        line.setMaximumWidth(WIDE)
        line.setAccessibleName(tr(TITLES[key]))
        lines.addRow(caption, line)
    frame = titled(tr(WINDOWS_PROXY.title), tr(WINDOWS_PROXY.help), lines)
    frame.setEnabled(False)
    return frame
