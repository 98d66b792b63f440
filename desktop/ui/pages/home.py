"""Engine and machine at a glance: state and start-up, versions, acceleration, load, disk use, recent events."""

from __future__ import annotations

import itertools
import time
from typing import Any

from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QProgressBar, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from desktop.control.schema import Boot, RunState, Status
from desktop.ui.context import Context
from desktop.ui.models.format import binary_size, short_id, size
from desktop.ui.theme import GAP, MARGIN, PAD, theme
from desktop.ui.widgets.basics import Elided, button, card, column, heading, label, link, row
from engine.client import Event, Version

TITLES = {
    RunState.RUNNING: "Running",
    RunState.STARTING: "Starting …",
    RunState.STOPPED: "Stopped",
    RunState.STOPPING: "Stopping …",
    RunState.RESTARTING: "Starting again …",
    RunState.PAUSED: "Paused",
    RunState.FAILED: "Could not start",
    RunState.UNREACHABLE: "Not answering",
}

EVENTS_SHOWN = 8
DISK_CALM_MS = 1500


class HomePage(QScrollArea):
    """See the module."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self.setObjectName("page")
        self.setWidgetResizable(True)
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.context = context
        self.state = StateCard(context)
        self.versions = VersionsCard(context)
        self.load = LoadCard(context)
        self.disk = DiskCard(context)
        self.boot = BootCard(context)
        self.events = EventsCard(context)
        inner = QWidget()
        inner.setObjectName("page")
        grid = QGridLayout()
        grid.setSpacing(PAD)
        for number, part in enumerate((self.versions, self.load, self.disk, self.boot)):
            grid.addWidget(part, number // 2, number % 2)
        grid.setColumnStretch(0, 1)
        grid.setColumnStretch(1, 1)
        outer = QVBoxLayout(inner)
        outer.setContentsMargins(MARGIN, MARGIN, MARGIN, MARGIN)
        outer.setSpacing(PAD)
        outer.addWidget(heading("Home"))
        outer.addWidget(self.state)
        outer.addLayout(grid)
        outer.addWidget(self.events)
        outer.addStretch(1)
        self.setWidget(inner)


class StateCard(QWidget):
    """What goes on, with the stages of a start and their times, or which hop failed and how to mend it."""

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
        self.start = button("Start", self._start, picture="play", primary=True)
        self.stop = button("Stop", self._stop, picture="stop")
        self.restart = button("Restart", self._restart, picture="restart")
        head = row(_Dot(context), self.title, None, self.start, self.restart, self.stop)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(card(head, self.text, self.bar, self.stages, self.fix))
        self._began: float | None = None
        self._stage, self._stage_began = "", 0.0
        self._past: list[str] = []
        self._tick = QTimer(self, interval=200)
        self._tick.timeout.connect(self._show_stages)
        context.session.status_changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is known now."""
        status, trouble = self._context.session.status, self._context.session.trouble
        state = status.state if status else None
        self.title.setText(
            TITLES[state] if state else "Slipway is not running" if trouble else "Looking for Slipway …"
        )
        self.text.setText(status.summary if status else trouble.message if trouble else "")
        hints = []
        if status is not None and status.failure is not None:
            hints = [status.failure.hint]
        elif status is None and trouble is not None:
            hints = [trouble.hint]
        for hop in status.hops if status else ():
            if hop.ok is False:
                hints.append(f"{hop.name}: {hop.why} {hop.hint}".strip())
        self.fix.setText("\n".join(dict.fromkeys(hint for hint in hints if hint)))
        self.fix.setVisible(bool(self.fix.text()))
        busy = state in (RunState.STARTING, RunState.RESTARTING, RunState.STOPPING)
        self.bar.setVisible(busy)
        self._follow_stages(status)
        alive = state in (RunState.RUNNING, RunState.UNREACHABLE, RunState.PAUSED)
        self.start.setVisible(not alive)
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
            self.stages.setVisible(False)

    def _show_stages(self) -> None:
        now = f"…  {self._stage}   {time.monotonic() - self._stage_began:.1f} s" if self._stage else ""
        self.stages.setText("\n".join([*self._past, now]).strip())
        self.stages.setVisible(bool(self.stages.text()))

    def _start(self) -> None:
        self._context.session.start()

    def _stop(self) -> None:
        self._context.session.stop(self._context.banners.error)

    def _restart(self) -> None:
        self._context.session.restart()


class _Dot(QWidget):
    """The state's colour; the words beside it say the same."""

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


class VersionsCard(QWidget):
    """Versions and platforms as ``docker version`` shows them, and the verdict on acceleration."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._values = {
            name: label("–", select=True) for name in ("Engine", "API", "Platform", "containerd", "runc", "Kernel")
        }
        grid = QGridLayout()
        grid.setHorizontalSpacing(PAD)
        grid.setVerticalSpacing(4)
        for number, (name, value) in enumerate(self._values.items()):
            grid.addWidget(label(name, "muted"), number, 0)
            grid.addWidget(value, number, 1)
        grid.setColumnStretch(1, 1)
        self.speed = label("", "muted", wrap=True, select=True)
        self.badge = label("", "section")
        _card(self, label("Versions", "section"), grid, self.badge, self.speed)
        context.session.engine_ready.connect(self._ask)
        context.session.status_changed.connect(self._refresh)

    def _ask(self) -> None:
        session = self._context.session
        session.bridge.call(session.engine.version(), self._show, owner=self)

    def _show(self, version: Version) -> None:
        shown = {
            "Engine": f"Moby {version.version}",
            "API": f"{version.api_version} (from {version.min_api_version})",
            "Platform": f"{version.os}/{version.arch}",
            "containerd": version.components.get("containerd", "–"),
            "runc": version.components.get("runc", "–"),
            "Kernel": version.kernel_version,
        }
        for name, text in shown.items():
            self._values[name].setText(text)

    def _refresh(self) -> None:
        status = self._context.session.status
        verdict = status.accelerator if status else None
        self.badge.setVisible(verdict is not None)
        self.speed.setVisible(verdict is not None)
        if verdict is not None:
            self.badge.setText("Software mode" if verdict.emulated else f"Accelerated by {verdict.name}")
            self.speed.setText(f"{verdict.why} {verdict.fix}".strip())


class LoadCard(QWidget):
    """What QEMU takes of this computer, over time."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self.cpu = label("–")
        self.memory = label("–")
        self.graph = Sparkline()
        figures = row(label("CPU", "muted"), self.cpu, None, label("Memory", "muted"), self.memory)
        _card(self, label("The machine", "section"), figures, self.graph)
        context.session.status_changed.connect(self._refresh)

    def _refresh(self) -> None:
        samples = list(self._context.session.usage)
        loads = [
            100 * (now.cpu_seconds - then.cpu_seconds) / (now.at - then.at)
            for then, now in itertools.pairwise(samples)
            if now.at > then.at and now.cpu_seconds >= then.cpu_seconds
        ]
        status = self._context.session.status
        cpus = status.machine.cpus if status and status.machine else 1
        self.graph.show_values(loads, 100.0 * cpus)
        running = status is not None and status.usage is not None
        self.cpu.setText(f"{loads[-1]:.0f} % of {cpus} CPUs" if loads and running else "–")
        size_now = binary_size(samples[-1].memory) if samples and running else "–"
        limit = (
            f" of {binary_size(status.machine.memory_mib * 2**20)}"
            if status and status.machine and running
            else ""
        )
        self.memory.setText(size_now + limit)


class Sparkline(QWidget):
    """A line without axes: pyqtgraph would bring numpy into the window's memory for this."""

    def __init__(self) -> None:
        super().__init__()
        self._values: list[float] = []
        self._top = 1.0
        self.setMinimumHeight(56)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_values(self, values: list[float], top: float) -> None:
        """Show ``values``; ``top`` is the highest that is possible."""
        self._values, self._top = values[-200:], max(top, 1.0)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = self.rect().adjusted(1, 2, -1, -2)
        painter.setPen(theme().colour("line"))
        painter.drawLine(area.bottomLeft(), area.bottomRight())
        if len(self._values) < 2:
            return
        painter.setPen(QColor(theme().colour("accent")))
        step = area.width() / max(len(self._values) - 1, 30)
        places = [
            (
                area.right() - step * (len(self._values) - 1 - n),
                area.bottom() - area.height() * min(1.0, v / self._top),
            )
            for n, v in enumerate(self._values)
        ]
        for (x, y), (to_x, to_y) in itertools.pairwise(places):
            painter.drawLine(int(x), int(y), int(to_x), int(to_y))


class DiskCard(QWidget):
    """Disk use by kind, and ways to get it back."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._rows = {
            name: (label("–"), label("", "muted")) for name in ("Images", "Containers", "Volumes", "Build cache")
        }
        grid = QGridLayout()
        grid.setHorizontalSpacing(PAD)
        grid.setVerticalSpacing(4)
        for number, (name, (used, free)) in enumerate(self._rows.items()):
            grid.addWidget(label(name, "muted"), number, 0)
            grid.addWidget(used, number, 1)
            grid.addWidget(free, number, 2)
        grid.setColumnStretch(2, 1)
        images = link("Prune images…", lambda: context.places.show_place("images", "prune"))
        volumes = link("Prune volumes…", lambda: context.places.show_place("volumes", "prune"))
        _card(self, label("Disk use", "section"), grid, row(images, volumes, None))
        self._calm = QTimer(self, singleShot=True, interval=DISK_CALM_MS)
        self._calm.timeout.connect(self._ask)
        context.session.engine_ready.connect(self._calm.start)
        for found in (context.lists.images, context.lists.volumes):
            found.changed.connect(self._calm.start)

    def _ask(self) -> None:
        session = self._context.session
        if session.running:
            session.bridge.call(session.engine.df(), self._show, owner=self)

    def _show(self, df: dict[str, Any]) -> None:
        images, containers = df.get("Images") or (), df.get("Containers") or ()
        volumes, cache = df.get("Volumes") or (), df.get("BuildCache") or ()
        unused = sum(
            item.get("Size", 0) - max(0, item.get("SharedSize", 0))
            for item in images
            if not item.get("Containers")
        )
        stopped = sum(item.get("SizeRw") or 0 for item in containers if item.get("State") != "running")
        idle = sum(max(0, _usage(item, "Size")) for item in volumes if not _usage(item, "RefCount"))
        figures = {
            "Images": (df.get("LayersSize") or 0, unused),
            "Containers": (sum(item.get("SizeRw") or 0 for item in containers), stopped),
            "Volumes": (sum(max(0, _usage(item, "Size")) for item in volumes), idle),
            "Build cache": (
                sum(item.get("Size", 0) for item in cache),
                sum(item.get("Size", 0) for item in cache if not item.get("InUse")),
            ),
        }
        for name, (used, free) in figures.items():
            self._rows[name][0].setText(size(used))
            self._rows[name][1].setText(f"{size(free)} not used" if free > 0 else "")


class BootCard(QWidget):
    """The last start as a waterfall."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self.title = label("Last start", "section")
        self.total = label("", "muted")
        self.graph = Waterfall()
        _card(self, row(self.title, None, self.total), self.graph)
        context.session.engine_ready.connect(self._ask)

    def _ask(self) -> None:
        self._context.session.control(lambda client: client.boots(), self._show, owner=self)

    def _show(self, boots: list[Boot]) -> None:
        if boots:
            self.total.setText(f"{boots[-1].total:.1f} s to the first answer")
            self.graph.show_boot(boots[-1])


class Waterfall(QWidget):
    """One bar for each stage, where it was in time."""

    LINE = 17

    def __init__(self) -> None:
        super().__init__()
        self._boot: Boot | None = None
        self.setMinimumHeight(60)

    def show_boot(self, boot: Boot) -> None:
        """Show this start."""
        self._boot = boot
        self.setMinimumHeight(self.LINE * len(boot.stages))
        told = ", ".join(f"{stage.name} {stage.took:.1f} s" for stage in boot.stages)
        self.setAccessibleName(f"The last start took {boot.total:.1f} s: {told}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._boot is None:
            return
        painter = QPainter(self)
        font = painter.font()
        font.setPixelSize(11)
        painter.setFont(font)
        names, times = 84, 48
        width = self.width() - names - times
        for number, stage in enumerate(self._boot.stages):
            top = number * self.LINE
            painter.setPen(theme().colour("muted"))
            painter.drawText(0, top, names, self.LINE, Qt.AlignmentFlag.AlignVCenter, stage.name)
            left = names + width * (stage.seconds - stage.took) / self._boot.total
            bar = max(2.0, width * stage.took / self._boot.total)
            painter.fillRect(int(left), top + 5, int(bar), self.LINE - 9, theme().colour("accent"))
            painter.drawText(
                self.width() - times,
                top,
                times,
                self.LINE,
                Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight,
                f"{stage.took:.1f} s",
            )


class EventsCard(QWidget):
    """The last things that happened in the engine."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._list = column(gap=3)
        self._nothing = label("Nothing has happened since this window was opened.", "muted")
        self._lines: list[Elided] = []
        _card(self, label("Recent events", "section"), self._nothing, self._list)
        context.session.happened.connect(self._refresh)

    def _refresh(self, _: list[Event]) -> None:
        recent = list(self._context.session.recent)[-EVENTS_SHOWN:]
        while len(self._lines) < len(recent):
            line = Elided(kind="small")
            self._lines.append(line)
            self._list.addWidget(line)
        self._nothing.setVisible(not recent)
        for line, event in zip(self._lines, reversed(recent), strict=False):
            moment = time.strftime("%H:%M:%S", time.localtime(event.time / 1e9))
            name = event.attributes.get("name") or short_id(event.actor)
            line.set_full(f"{moment}   {event.kind} {event.action}   {name}")


def _card(owner: QWidget, *parts: Any) -> None:
    outer = QVBoxLayout(owner)
    outer.setContentsMargins(0, 0, 0, 0)
    outer.setSpacing(GAP)
    outer.addWidget(card(*parts, None))


def _usage(volume: dict[str, Any], name: str) -> int:
    return int((volume.get("UsageData") or {}).get(name) or 0)
