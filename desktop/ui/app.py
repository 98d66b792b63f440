"""Puts the window's parts together, and knows what closing and quitting mean."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication

from desktop.control.client import own_paths
from desktop.control.schema import RunState
from desktop.ui.bridge import Bridge
from desktop.ui.icons import app_icon
from desktop.ui.instance import RAISE, STAY, Claim, Doorbell, ring
from desktop.ui.session import Session
from desktop.ui.theme import Theme
from desktop.ui.tray import Tray
from desktop.ui.widgets.dialogs import Question
from desktop.ui.widgets.progress import WorkDialog
from desktop.ui.window import Window
from vm.errors import UserError

SCHEME = "SLIPWAY_SCHEME"
"""``light`` or ``dark`` overrules the system, for screenshots."""

BACKGROUND = "--background"
"""Show the tray icon only, as at login."""

SOCKET, LOCK = "window.sock", "window.lock"

SETTLED = (RunState.RUNNING, RunState.FAILED, RunState.UNREACHABLE)
TROUBLED = (RunState.FAILED, RunState.UNREACHABLE)


class Application:
    """One process: bridge, session, window, tray.

    :param leave: ends the event loop.
    """

    def __init__(
        self,
        app: QApplication,
        doorbell: Path,
        *,
        background: bool = False,
        leave: Callable[[], object] = QCoreApplication.quit,
    ) -> None:
        self._leave = leave
        self._background = background
        app.setApplicationName("Slipway")
        app.setDesktopFileName("slipway")
        app.setWindowIcon(app_icon())
        app.setQuitOnLastWindowClosed(False)  # closing is a matter of the settings
        self.theme = Theme(app, os.environ.get(SCHEME, "system"))
        self.bridge = Bridge()
        self.session = Session(self.bridge)
        self.window = Window(self.session)
        self.tray = Tray(self.session, self.raise_window, self._settings, self.quit, self._trouble)
        self.doorbell = Doorbell(doorbell, self.raise_window, self.session)
        self.window.closed.connect(lambda: self._with_settings(self._closed))
        QShortcut(QKeySequence("Ctrl+Q"), self.window, self.quit)
        app.aboutToQuit.connect(self.close)
        self._autostart = True
        self._state: RunState | None = None
        self.session.status_changed.connect(self._follow)

    def show(self) -> None:
        """Paint first, then look for the supervisor."""
        if not self._background:
            self.window.show()
        QTimer.singleShot(0, self.session.open)

    def raise_window(self) -> None:
        """Bring the window before the person's eyes."""
        self._background = False
        self.window.raise_window()

    def quit(self) -> None:
        """Leave; the engine goes on, unless the settings say that it shall not."""
        self._with_settings(self._quit)

    def close(self) -> None:
        """End the threads. Idempotent."""
        self.doorbell.close()
        self.tray.close()
        self.session.close()
        self.bridge.close()

    # -- leaving --------------------------------------------------------------------------------------------------

    def _with_settings(self, then: Callable[[Mapping[str, Any]], None]) -> None:
        """The settings, or nothing where they cannot be had: that must not keep anybody here."""
        self.session.control(lambda client: client.settings(), then, lambda _: then({}))

    def _closed(self, settings: Mapping[str, Any]) -> None:
        """The window was closed; it may have been opened again meanwhile."""
        wanted = settings.get("on_close", "tray")
        if not self.window.isVisible() and (wanted != "tray" or not self.tray.available):
            self._quit(settings)

    def _quit(self, settings: Mapping[str, Any]) -> None:
        stop = settings.get("on_close") == "stop"
        lost = self.losses(stop=stop)
        if not lost:
            self._end(stop)
            return
        self.raise_window()
        title = "Quit, and stop the engine?" if stop else "Quit while this is under way?"
        Question(self.window, title, "It will be cancelled:", "Quit", names=lost).then(lambda _: self._end(stop))

    def losses(self, *, stop: bool = False) -> list[str]:
        """What would be cancelled if this process, or with ``stop`` also the engine, ended now."""
        status = self.session.status
        starting = status is not None and status.state is RunState.STARTING and not stop
        dialogs = [item for item in QApplication.topLevelWidgets() if isinstance(item, WorkDialog)]
        under_way = [item.windowTitle() for item in dialogs if not item.done_with]
        return [*(["The start of the machine"] if starting else []), *under_way]

    def _end(self, stop: bool) -> None:
        self.window.hide()
        if stop:
            self.session.control(lambda client: client.shutdown(), lambda _: self._leave(), self._trouble)
        else:
            self._leave()

    # -- following ------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Opening the window is asking for the engine: start it, once; tell trouble to whoever does not look."""
        status = self.session.status
        if status is None:
            return
        if self._autostart:
            self._autostart = False
            if status.state is RunState.STOPPED:
                self.session.start()
        before, self._state = self._state, status.state
        if status.state in TROUBLED and before not in (None, *TROUBLED) and not self.window.isVisible():
            hint = status.failure.hint if status.failure is not None else ""
            self.tray.tell(status.summary, hint)
        if self._background and status.state in SETTLED and not self.tray.available:
            self._leave()  # the engine is up, and there is no place to show anything

    def _trouble(self, error: UserError) -> None:
        self.raise_window()
        self.window.banners.error(error)

    def _settings(self) -> None:
        self.raise_window()
        self.window.show_place("settings")


def main() -> int:
    """Open the window, or raise the one that is open; the exit code."""
    background = BACKGROUND in sys.argv[1:]
    paths = own_paths()
    paths.prepare()
    app = QApplication(sys.argv)
    claim = Claim(paths.run / LOCK)
    doorbell = paths.run / SOCKET
    if not claim.first and ring(doorbell, STAY if background else RAISE):
        return 0
    application = Application(app, doorbell, background=background)
    application.show()
    code = app.exec()
    claim.drop()
    return code
