"""Network: who reaches published ports, the proxy for what is fetched, and the mirror for system images."""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QLineEdit

from desktop.control.schema import SettingsReport
from desktop.ui.pages.settings.form import WIDE, FormTab

if TYPE_CHECKING:
    from desktop.ui.pages.settings.page import SettingsPage

PORTS = "A port published without an address, as in -p 80:80, is open to the networks this computer is in."
PATH = "daemon.proxies"
KEYS = {
    "http-proxy": ("HTTP proxy", "http://proxy.example:3128"),
    "https-proxy": ("HTTPS proxy", "http://proxy.example:3128"),
    "no-proxy": ("No proxy for", "localhost, .example, 10.0.0.0/8"),
}
"""Members of daemon.json's ``proxies`` (dockerd 23 and newer), their names here and an example."""


class ProxyTab(FormTab):
    """See the module."""

    def __init__(self, page: SettingsPage) -> None:
        super().__init__(page)
        ports = self.form("Published ports", PORTS)
        self.local = self.tick(ports, "ports_local", "Keep such ports to this computer (localhost)")
        form = self.form("Proxy", "For what the engine fetches, and for containers and builds.")
        self.follow = self.tick(form, "host_proxy", "Use this computer's proxy when none is given here")
        self.lines: dict[str, QLineEdit] = {}
        for key, (caption, hint) in KEYS.items():
            made = self.lines[key] = QLineEdit(placeholderText=hint)
            made.setMaximumWidth(WIDE)
            self.field(form, key, caption, made, partial(self._alone, key), partial(self._show, key))
            made.textChanged.connect(self.check)
            made.returnPressed.connect(self.apply.click)
        images = self.form("System images", "They are built from Debian packages when a new one is needed.")
        self.mirror = self.line(images, "mirror", "Debian mirror", "Automatic: the one of this computer")
        self.finish()

    def changes(self) -> dict[str, str]:
        """The proxies are one setting."""
        found = super().changes()
        if PATH in found:
            texts = {key: line.text().strip() for key, line in self.lines.items()}
            kept = {key: text for key, text in texts.items() if text}
            found[PATH] = json.dumps(kept) if kept else "null"
        return found

    def _alone(self, key: str) -> dict[str, str]:
        text = self.lines[key].text().strip()
        return {PATH: json.dumps({key: text})} if text else {PATH: "null"}

    def _show(self, key: str, report: SettingsReport) -> None:
        self.lines[key].setText(str(report.stored["daemon"].get("proxies", {}).get(key, "")))
