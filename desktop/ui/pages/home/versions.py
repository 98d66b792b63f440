"""Versions and platforms of the client and the server, as ``docker version`` shows them."""

from __future__ import annotations

from PySide6.QtWidgets import QGridLayout, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.theme import PAD
from desktop.ui.widgets.basics import card, fill, label, link
from engine.client import Version
from engine.client.command import ClientVersion, client_version
from vm.errors import UserError

ROWS = ("Version", "API", "Go", "Commit", "OS/Arch", "containerd", "runc", "Kernel")
NONE = "–"


class VersionsCard(QWidget):
    """Versions of client and server."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self.client = {name: label(NONE, select=True) for name in ROWS[:5]}
        self.server = {name: label(NONE, select=True) for name in ROWS}
        grid = QGridLayout()
        grid.setHorizontalSpacing(PAD)
        grid.setVerticalSpacing(5)
        for column, title in ((1, "Client"), (2, "Server")):
            grid.addWidget(label(title, "muted"), 0, column)
        for number, name in enumerate(ROWS, 1):
            grid.addWidget(label(name, "muted"), number, 0)
            for column, values in ((1, self.client), (2, self.server)):
                if name in values:
                    values[name].setAccessibleName(f"{name}, {'client' if column == 1 else 'server'}")
                    grid.addWidget(values[name], number, column)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(2, 1)
        self.missing = label("", "muted", wrap=True, select=True)
        self.help = link("Docker settings…", lambda: context.places.show_place("settings", "docker"))
        self.show_missing(None)
        fill(QVBoxLayout(self), card(label("Versions", "section"), grid, self.missing, self.help, None))
        context.session.own.ready.connect(self._ask)
        context.session.own.gone.connect(lambda: self._show_server(None))
        context.session.bridge.call(client_version(), self.show_client, self.show_missing, owner=self)
        if context.session.running:
            self._ask()

    def _ask(self) -> None:
        session = self._context.session
        session.bridge.call(session.own.engine.version(), self._show_server, lambda _: None, owner=self)

    def show_client(self, found: ClientVersion) -> None:
        """Show the client that was found."""
        texts = (found.version, found.api_version, found.go_version, found.git_commit, found.platform)
        for name, text in zip(self.client, texts, strict=True):
            self.client[name].setText(text or NONE)

    def show_missing(self, error: UserError | None) -> None:
        """Show why there is no client; None when there is one."""
        self.missing.setText(f"{error.message}. {error.hint}" if error else "")
        self.missing.setVisible(error is not None)
        self.help.setVisible(error is not None)
        if error is not None:
            self.client["Version"].setText("not installed")

    def _show_server(self, found: Version | None) -> None:
        texts = dict.fromkeys(ROWS, "")
        if found is not None:
            texts = {
                "Version": f"Moby {found.version}",
                "API": f"{found.api_version} (from {found.min_api_version})",
                "Go": found.go_version,
                "Commit": found.git_commit[:12],
                "OS/Arch": f"{found.os}/{found.arch}",
                "containerd": found.components.get("containerd", ""),
                "runc": found.components.get("runc", ""),
                "Kernel": found.kernel_version,
            }
        for name, text in texts.items():
            self.server[name].setText(text or NONE)
