"""Network: who can reach published ports, the proxy for downloads, and the mirror for system images."""

from __future__ import annotations

from desktop.settings.schema import PROXY
from desktop.ui.models.settings import SettingsModel
from desktop.ui.pages.settings.editors import LineEditor
from desktop.ui.pages.settings.form import SettingsForm
from desktop.ui.words import mark, tr

PROXIES = {
    "http-proxy": (mark("HTTP proxy"), "http://proxy.example:3128"),
    "https-proxy": (mark("HTTPS proxy"), "http://proxy.example:3128"),
    "no-proxy": (mark("No proxy for"), "localhost, .example, 10.0.0.0/8"),
}
"""Members of daemon.json's ``proxies`` (dockerd 23 and newer), their titles and an example."""


class ProxyTab(SettingsForm):
    """Ports and proxies. The proxies are members of daemon.json, which the tab Engine edits as a whole."""

    def __init__(self, model: SettingsModel) -> None:
        super().__init__(model, "proxy")
        for key, (title, example) in PROXIES.items():
            self.add_editor(PROXY, LineEditor(model, f"daemon.proxies.{key}", tr(title), example=example))
