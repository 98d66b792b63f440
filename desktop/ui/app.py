"""Puts the window's parts together."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtWidgets import QApplication

from desktop.control.client import own_paths
from desktop.control.schema import RunState
from desktop.ui.bridge import Bridge
from desktop.ui.icons import app_icon
from desktop.ui.instance import Doorbell, raise_other
from desktop.ui.session import Session
from desktop.ui.theme import Theme
from desktop.ui.tray import Tray
from desktop.ui.widgets.dialogs import Question
from desktop.ui.window import Window

SCHEME = "SLIPWAY_SCHEME"
"""``light`` or ``dark`` overrules the system, for screenshots."""

SOCKET = "window.sock"


class Application:
    """One process: bridge, session, window, tray."""

    def __init__(self, app: QApplication, doorbell: Path) -> None:
        self._app = app
        app.setApplicationName("Slipway")
        app.setDesktopFileName("slipway")
        app.setWindowIcon(app_icon())
        self.theme = Theme(app, os.environ.get(SCHEME, "system"))
        self.bridge = Bridge()
        self.session = Session(self.bridge)
        self.window = Window(self.session)
        self.tray = Tray(self.session, self.window.raise_window, self._settings, self.quit)
        self.doorbell = Doorbell(doorbell, self.window.raise_window, self.session)
        app.setQuitOnLastWindowClosed(self.tray.icon is None)
        app.aboutToQuit.connect(self.close)
        self._autostart = True
        self.session.status_changed.connect(self._start_once)

    def show(self) -> None:
        """Paint first, then look for the supervisor."""
        self.window.show()
        QTimer.singleShot(0, self.session.open)

    def quit(self) -> None:
        """Leave the window; the engine goes on. A start that only this window follows would be undone: ask."""
        status = self.session.status
        if status is None or status.state is not RunState.STARTING:
            QCoreApplication.quit()
            return
        self.window.raise_window()
        question = Question(
            self.window, "Quit while the machine starts?", "The start is undone. Nothing else is lost.", "Quit"
        )
        question.then(lambda _: QCoreApplication.quit())

    def close(self) -> None:
        """End the threads. Idempotent."""
        self.doorbell.close()
        self.session.close()
        self.bridge.close()

    def _settings(self) -> None:
        self.window.raise_window()
        self.window.show_place("settings")

    def _start_once(self) -> None:
        """Opening the window is asking for the engine: start it, once, if it is stopped."""
        if self.session.status is not None and self._autostart:
            self._autostart = False
            if self.session.status.state is RunState.STOPPED:
                self.session.start()


def main() -> int:
    """Open the window, or raise the one that is open; the exit code."""
    paths = own_paths()
    paths.prepare()
    app = QApplication(sys.argv)
    doorbell = paths.run / SOCKET
    if raise_other(doorbell):
        return 0
    application = Application(app, doorbell)
    application.show()
    return app.exec()
