"""Composition root of the window, and what closing and quitting do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from PySide6.QtCore import QCoreApplication, QTimer
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import QApplication

from desktop.control.client import SupervisorAbsent, own_paths
from desktop.control.schema import EngineState, RunState
from desktop.ui.appearance import Appearance
from desktop.ui.bridge import Bridge
from desktop.ui.icons import app_icon
from desktop.ui.memory import memory
from desktop.ui.models.containers import Line
from desktop.ui.notifications import Notifier
from desktop.ui.opening import report_fatal_errors, report_shown, when_exposed
from desktop.ui.report import Report
from desktop.ui.session import Session
from desktop.ui.single_instance import PING, QUIT, RAISE, SingleInstance
from desktop.ui.tray import Tray
from desktop.ui.tray_containers import RunningMenu
from desktop.ui.widgets.dialogs import Question
from desktop.ui.widgets.listpage import ListPage
from desktop.ui.window import Window
from desktop.ui.words import tr
from vm.errors import UserError

BACKGROUND = "--background"
"""Show only the tray icon, as at login."""

END = "--quit"
"""End the window that is open, without a question, and open none: an installer is about to replace its files."""

UNSEEN_MS = 500
"""How long the first paint is waited for: a window that begins minimized has none."""

SETTLED = (RunState.RUNNING, RunState.FAILED, RunState.UNREACHABLE)
TROUBLED = (RunState.FAILED, RunState.UNREACHABLE)


class Application:
    """One process: bridge, session, window and tray.

    :param leave: ends the event loop.
    """

    def __init__(
        self,
        app: QApplication,
        instance: SingleInstance,
        *,
        background: bool = False,
        leave: Callable[[], object] = QCoreApplication.quit,
    ) -> None:
        self._leave = leave
        self._background = background
        app.setApplicationName("Slipway")
        app.setDesktopFileName("slipway")
        app.setWindowIcon(app_icon())
        app.setQuitOnLastWindowClosed(False)  # the setting on_close decides
        self.bridge = Bridge()
        self.session = Session(self.bridge)
        self.appearance = Appearance(app, memory(self.session.paths.home))
        self.session.settings_read.connect(self.appearance.adopt)
        self.window = Window(self.session)
        self.running = RunningMenu(self.window.context, self._show_container, self._show_containers)
        self.tray = Tray(
            self.session,
            self.raise_window,
            self._settings,
            self.quit,
            self._switch,
            self._show_error,
            self.running,
        )
        Notifier(
            self.session.activities,
            lambda: not self.window.isVisible() or self.window.isMinimized(),
            lambda then: self._with_settings(lambda found: then() if found.get("notifications", True) else None),
            self.tray.notify,
            self._show_activity,
        )
        self.instance = instance
        instance.listen(self.raise_window, leave)
        self.window.closed.connect(lambda: self._with_settings(self._closed))
        QShortcut(QKeySequence("Ctrl+Q"), self.window, self.quit)
        app.aboutToQuit.connect(self.close)
        self._autostart = True
        self._known_settings: Mapping[str, Any] = {}
        self._state: RunState | None = None
        self.session.status_changed.connect(self._follow)

    def show(self) -> None:
        """Paint the window first, then look for the supervisor."""
        begin = QTimer(self.window, singleShot=True, interval=0 if self._background else UNSEEN_MS)
        begin.timeout.connect(self.session.open)
        begin.start()
        if not self._background:
            self.window.show()
            when_exposed(self.window, lambda: begin.start(0) if begin.isActive() else None)

    def raise_window(self) -> None:
        """Show the window above the others."""
        self._background = False
        self.window.raise_window()

    def _show_container(self, line: Line) -> None:
        self._show_containers()
        page = self.window.page("containers")
        assert isinstance(page, ListPage)
        page.lead_to(line)

    def _show_containers(self) -> None:
        self.raise_window()
        self.window.show_place("containers")

    def _show_activity(self, key: str) -> None:
        self.raise_window()
        self.window.show_activity(key)

    def _switch(self, engine: EngineState) -> None:
        self.raise_window()
        self.window.switch(engine)

    def quit(self) -> None:
        """Quit; the engine keeps running unless the setting ``on_close`` stops it."""
        self._with_settings(self._quit)

    def close(self) -> None:
        """End the threads. Idempotent."""
        self.instance.stop_listening()
        self.tray.close()
        self.session.close()
        self.bridge.close()

    # -- leaving --------------------------------------------------------------------------------------------------

    def _with_settings(self, then: Callable[[Mapping[str, Any]], None]) -> None:
        """Call ``then`` with the settings; where no supervisor tells them now, with those it told last."""

        def told(settings: Mapping[str, Any]) -> None:
            self._known_settings = settings
            self.session.settings_read.emit(settings)
            then(settings)

        self.session.control(
            lambda client: client.settings(), told, lambda _: then(self._known_settings), begin=False
        )

    def _closed(self, settings: Mapping[str, Any]) -> None:
        """Act on a closed window; it may have been opened again in the meantime."""
        wanted = settings.get("on_close", "tray")
        if not self.window.isVisible() and (wanted != "tray" or not self.tray.available):
            self._quit(settings)

    def _quit(self, settings: Mapping[str, Any]) -> None:
        stop = settings.get("on_close") == "stop"
        lost = self.losses()
        if not lost:
            self._end(stop)
            return
        self.raise_window()
        title = tr("Quit and stop the engine?") if stop else tr("Quit Slipway?")
        Question(self.window, title, tr("This will be cancelled:"), tr("Quit"), names=lost).then(
            lambda _: self._end(stop)
        )

    def losses(self) -> list[str]:
        """What would be cancelled if this process ended now; a start goes on."""
        jobs = [job.order.title for job in self.session.activities.jobs if job.order.can_be_cancelled]
        return jobs + [f"Terminal: {panel.title}" for panel in self.window.drawer.panels if panel.running]

    def _end(self, stop: bool) -> None:
        self.window.hide()
        if stop:
            self.session.control(
                lambda client: client.shutdown(), lambda _: self._leave(), self._not_stopped, begin=False
            )
        else:
            self._leave()

    def _not_stopped(self, error: UserError) -> None:
        if isinstance(error, SupervisorAbsent):  # there is nothing to stop
            self._leave()
        else:
            self._show_error(error)

    # -- following ------------------------------------------------------------------------------------------------

    def _follow(self) -> None:
        """Start the engine once when the window opens; notify of failures while the window is hidden."""
        status = self.session.status
        if status is None:
            return
        if self._autostart:
            self._autostart = False
            self._with_settings(lambda _: None)
            if status.state is RunState.STOPPED:
                self.session.start()
        before, self._state = self._state, status.state
        if status.state in TROUBLED and before not in (None, *TROUBLED) and not self.window.isVisible():
            hint = status.failure.hint if status.failure is not None else ""
            self.tray.notify(status.summary, hint)
        if self._background and status.state in SETTLED and not self.tray.available:
            self._leave()  # the engine is up, and this desktop has no place for a tray icon

    def _show_error(self, error: UserError) -> None:
        self.raise_window()
        self.window.banners.error(error)

    def _settings(self) -> None:
        self.raise_window()
        self.window.show_place("settings")


def main(report: Report) -> int:
    """Open the window, or raise the one that is open; return the exit code.

    :param report: gets whether that has been done.
    :raise UserError: there is no folder for what belongs to the window.
    """
    background = BACKGROUND in sys.argv[1:]
    paths = own_paths()
    paths.prepare()
    report_fatal_errors(report)
    app = QApplication(sys.argv)
    instance = SingleInstance(paths.run)
    if END in sys.argv[1:]:
        return int(not instance.first and not instance.call_first(QUIT))
    if not instance.first and instance.call_first(PING if background else RAISE):
        report_shown(report)
        return 0
    application = Application(app, instance, background=background)
    application.show()
    shown = partial(report_shown, report)
    if background:
        QTimer.singleShot(0, shown)
    else:
        when_exposed(application.window, shown)
    code = app.exec()
    instance.release()
    return code
