"""The state of Slipway: the stages of a start with their times, or what failed and how to fix it."""

from __future__ import annotations

import time

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QProgressBar, QVBoxLayout, QWidget

from desktop.control.schema import RunState, Status
from desktop.ui.context import Context
from desktop.ui.deferred import deferred
from desktop.ui.models.states import BUSY
from desktop.ui.theme import theme
from desktop.ui.widgets.basics import button, card, fill, label, row
from vm.errors import UserError

logs_dialog = deferred("pages.home.logs:LogsDialog")


class StateCard(QWidget):
    """State, stages of a start, failures and fixes, with buttons to start, stop and restart."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self.title = label("", "section")
        self.text = label("", "muted", wrap=True, select=True)
        self.fix = label("", "", wrap=True, select=True)
        self.stages = label("", "small")
        self.stages.setAccessibleName("Stages of the start")
        self.bar = QProgressBar(textVisible=False)
        self.bar.setRange(0, 0)
        self.bar.setAccessibleName("Starting")
        self.diagnose = button("Run diagnostics", self._diagnose, picture="inspect")
        self.logs = button("Show logs", self._show_logs, picture="logs")
        self.start = button("Start", self._start, picture="play", primary=True)
        self.stop = button("Stop", self._stop, picture="stop")
        self.restart = button("Restart", self._restart, picture="restart")
        head = row(_Dot(context), self.title, None, self.start, self.restart, self.stop)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        self._help = QWidget()
        fill(QHBoxLayout(self._help), self.diagnose, self.logs, None)
        outer.addWidget(card(head, self.text, self.bar, self.stages, self.fix, self._help))
        self._began: float | None = None
        self._stage, self._stage_began = "", 0.0
        self._past: list[str] = []
        self._tick = QTimer(self, interval=200)
        self._tick.timeout.connect(self._show_stages)
        context.session.status_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Update from the status."""
        status, error = self._context.session.status, self._context.session.error
        state = status.state if status else None
        self.title.setText(
            self._context.session.state_words if state else "Slipway is not running" if error else "Connecting …"
        )
        self.text.setText(_explanation(status, error) or self._context.session.progress)
        self.text.setVisible(bool(self.text.text()))
        self.fix.setText(_fixes(status, error))
        self.fix.setVisible(bool(self.fix.text()))
        failed = state in (RunState.FAILED, RunState.UNREACHABLE) or (status is None and error is not None)
        self._help.setVisible(failed)
        busy = state in BUSY
        self.bar.setVisible(busy)
        self._follow_stages(status)
        alive = state in (RunState.RUNNING, RunState.UNREACHABLE, RunState.PAUSED)
        self.start.setVisible(not alive)
        words = "Start again" if failed else "Start"
        self.start.setText(f" {words}")
        self.start.setAccessibleName(words)
        self.start.setEnabled(not busy)
        self.stop.setVisible(alive or state is RunState.STARTING)
        self.restart.setVisible(alive)

    def _follow_stages(self, status: Status | None) -> None:
        starting = status is not None and status.state in (RunState.STARTING, RunState.RESTARTING)
        if starting and status is not None:
            now = time.monotonic()
            if self._began is None:
                self._began, self._past, self._stage = now, [], ""
            if status.stage != self._stage:
                if self._stage:
                    self._past.append(f"✓  {self._stage}   {now - self._stage_began:.1f} s")
                self._stage, self._stage_began = status.stage, now
            self._tick.start()
            self._show_stages()
        else:
            self._began = None
            self._tick.stop()
            failed = status is not None and status.state is RunState.FAILED and bool(status.stage)
            self.stages.setVisible(failed)
            if status is not None and failed:
                self.stages.setText("\n".join([*self._past, f"✗  {status.stage}"]))

    def _show_stages(self) -> None:
        now = f"…  {self._stage}   {time.monotonic() - self._stage_began:.1f} s" if self._stage else ""
        self.stages.setText("\n".join([*self._past, now]).strip())
        self.stages.setVisible(bool(self.stages.text()))

    def _start(self) -> None:
        self._context.session.start()

    def _diagnose(self) -> None:
        self._context.places.show_place("settings", "diagnosis")

    def _show_logs(self) -> None:
        logs_dialog(self, self._context).open()

    def _stop(self) -> None:
        self._context.session.stop(self._context.banners.error)

    def _restart(self) -> None:
        self._context.session.restart()


class _Dot(QWidget):
    """A dot in the colour of the state; the title beside it names the state."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._session = context.session
        self.setFixedSize(12, 12)
        context.session.status_changed.connect(self.update)

    def paintEvent(self, event: QPaintEvent) -> None:
        state = self._session.status.state.value if self._session.status else ""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme().state_colour(state))
        painter.drawEllipse(self.rect().adjusted(1, 1, -1, -1))


def _explanation(status: Status | None, error: UserError | None) -> str:
    """One sentence below the title; empty where it would only repeat the title."""
    if status is None:
        return error.message if error else ""
    if status.state is RunState.RUNNING and status.memory is not None and status.memory.shortage:
        return status.memory.shortage
    return status.note if status.state in (RunState.RUNNING, RunState.STOPPED) else status.summary


def _fixes(status: Status | None, error: UserError | None) -> str:
    """The hints of the failure and of full memory, the hops that failed, and the warnings; each once."""
    lines = []
    if status is not None and status.failure is not None:
        lines.append(status.failure.hint)
    elif status is None and error is not None:
        lines.append(error.hint)
    if status is not None and status.memory is not None:
        lines.append(status.memory.hint)
    for hop in status.hops if status else ():
        if hop.ok is False:
            lines.append(f"{hop.name}: {hop.why} {hop.hint}".strip())
    for warning in status.warnings if status else ():
        lines.append(f"{warning.message}. {warning.hint}".strip())
    return "\n".join(dict.fromkeys(line for line in lines if line))
