"""The icon beside the clock: state, start, stop, restart, open, switch, settings, quit."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject
from PySide6.QtGui import QAction
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from desktop.control.schema import RunState
from desktop.ui.icons import app_icon
from desktop.ui.pages.home import TITLES
from desktop.ui.session import Session

ALIVE = (RunState.RUNNING, RunState.UNREACHABLE, RunState.PAUSED)


class Tray(QObject):
    """Shown where the desktop has a place for it."""

    def __init__(
        self, session: Session, show: Callable[[], None], settings: Callable[[], None], quit: Callable[[], None]
    ) -> None:
        super().__init__(session)
        self._session = session
        self.menu = QMenu()
        self.state = QAction("Slipway", self.menu)
        self.state.setEnabled(False)
        self.start = QAction("Start", self.menu)
        self.stop = QAction("Stop", self.menu)
        self.restart = QAction("Restart", self.menu)
        self.switch = QAction("Switch to Windows containers", self.menu)
        self.switch.setEnabled(False)
        self.switch.setToolTip("Windows containers need Windows")
        self.open = QAction("Open Slipway", self.menu)
        self.settings = QAction("Settings…", self.menu)
        self.quit = QAction("Quit", self.menu)
        for action, run in (
            (self.start, session.start),
            (self.stop, session.stop),
            (self.restart, session.restart),
            (self.open, show),
            (self.settings, settings),
            (self.quit, quit),
        ):
            action.triggered.connect(lambda _=False, run=run: run())
        for item in (self.state, None, self.start, self.stop, self.restart, None, self.switch, None):
            self.menu.addSeparator() if item is None else self.menu.addAction(item)
        for item in (self.open, self.settings, self.quit):
            self.menu.addAction(item)
        self.menu.setToolTipsVisible(True)
        self.icon: QSystemTrayIcon | None = None
        if QSystemTrayIcon.isSystemTrayAvailable():
            self.icon = QSystemTrayIcon(app_icon(), self)
            self.icon.setContextMenu(self.menu)
            self.icon.activated.connect(
                lambda why: show() if why is QSystemTrayIcon.ActivationReason.Trigger else None
            )
            self.icon.show()
        session.status_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the state."""
        status = self._session.status
        state = status.state if status else None
        words = f"Slipway: {TITLES[state].lower()}" if state else "Slipway is not running"
        self.state.setText(words)
        if self.icon is not None:
            self.icon.setToolTip(words)
        self.start.setEnabled(state in (RunState.STOPPED, RunState.FAILED, RunState.PAUSED))
        self.stop.setEnabled(state in ALIVE or state is RunState.STARTING)
        self.restart.setEnabled(state in ALIVE)
