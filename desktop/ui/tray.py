"""The tray icon and its menu: state, start, stop, restart, open, switch, settings, quit."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QSize
from PySide6.QtGui import QAction, QIcon
from PySide6.QtWidgets import QMenu, QSystemTrayIcon

from desktop.control.schema import EngineState, RunState
from desktop.ui.icons import app_icon
from desktop.ui.session import Session
from desktop.ui.switching import other
from vm.errors import UserError

ALIVE = (RunState.RUNNING, RunState.UNREACHABLE, RunState.PAUSED)
SIZE = QSize(64, 64)


class Tray(QObject):
    """The tray icon; it appears as soon as the desktop has a tray, which at login may take a while.

    :param switch: switches to another engine of Slipway's own.    :param running: the menu of running containers.
    :param failed: called with the error when a menu command fails.
    """

    def __init__(
        self,
        session: Session,
        show: Callable[[], None],
        settings: Callable[[], None],
        quit: Callable[[], None],
        switch: Callable[[EngineState], None],
        failed: Callable[[UserError], None],
        running: QMenu,
    ) -> None:
        super().__init__(session)
        self._session = session
        self.menu = QMenu()
        self.state = QAction("Slipway", self.menu)
        self.state.setEnabled(False)
        self.start = self._action("Start", session.start)
        self.stop = self._action("Stop", lambda: session.stop(failed))
        self.restart = self._action("Restart", session.restart)
        self._other: EngineState | None = None
        self.switch = self._action("Switch to Windows containers", self._switch_asked)
        self._switch = switch
        self.open = self._action("Open Slipway", show)
        self.settings = self._action("Settings…", settings)
        self.quit = self._action("Quit", quit)
        self.quit.setToolTip("The engine keeps running unless the settings stop it")
        for items in (
            (self.state,),
            (self.open, running.menuAction()),
            (self.start, self.stop, self.restart),
            (self.switch,),
            (self.settings, self.quit),
        ):
            self.menu.addActions(items)
            self.menu.addSeparator()
        self.menu.setToolTipsVisible(True)
        self._pictures = {alive: self._picture(alive) for alive in (True, False)}
        self.icon = QSystemTrayIcon(self._pictures[False], self)
        self.icon.setContextMenu(self.menu)
        self.icon.activated.connect(
            lambda why: show() if why is QSystemTrayIcon.ActivationReason.Trigger else None
        )
        self._show = self._clicked = show
        self.icon.messageClicked.connect(lambda: self._clicked())
        self.icon.show()
        session.status_changed.connect(self.refresh)
        self.refresh()

    @property
    def available(self) -> bool:
        """Whether the desktop has a tray now."""
        return QSystemTrayIcon.isSystemTrayAvailable()

    def notify(self, message: str, hint: str, bad: bool = True, clicked: Callable[[], None] | None = None) -> None:
        """Show a notification. :param clicked: what a click on it does; by default it opens the window."""
        self._clicked = clicked or self._show
        icons = QSystemTrayIcon.MessageIcon
        self.icon.showMessage(message, hint, icons.Warning if bad else icons.Information)

    def close(self) -> None:
        """Remove the icon."""
        self.icon.hide()

    def refresh(self) -> None:
        """Update icon and menu from the status."""
        status = self._session.status
        state = status.state if status else None
        words = f"Slipway: {self._session.state_words.lower()}" if state else "Slipway is not running"
        self.state.setText(words)
        self.icon.setToolTip(words)
        self.icon.setIcon(self._pictures[state is RunState.RUNNING])
        self.start.setEnabled(state in (RunState.STOPPED, RunState.FAILED, RunState.PAUSED))
        self.stop.setEnabled(state in ALIVE or state is RunState.STARTING)
        self.restart.setEnabled(state in ALIVE)
        self._show_switch()

    def _switch_asked(self) -> None:
        if self._other is not None:
            self._switch(self._other)

    def _show_switch(self) -> None:
        status = self._session.status
        one = self._other = other(status.engines) if status is not None else None
        if one is not None:
            why = f" ({one.obstacle})" if one.obstacle else ""
            self.switch.setText(f"Switch to {one.title}{why}")
        self.switch.setEnabled(one is not None and not one.obstacle)

    def _action(self, text: str, run: Callable[[], object]) -> QAction:
        made = QAction(text, self.menu)
        made.triggered.connect(lambda: run())
        return made

    def _picture(self, alive: bool) -> QIcon:
        """The icon: in colour while the engine is running, otherwise grey."""
        mode = QIcon.Mode.Normal if alive else QIcon.Mode.Disabled
        return QIcon(app_icon().pixmap(SIZE, mode))
