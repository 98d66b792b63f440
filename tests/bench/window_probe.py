"""The window's process with a watch in it: ``python -m tests.bench.window_probe MODE BEGAN PACE``; prints JSON.

The window is the real one; MODE says what is done with it: ``first`` (paint, end), or a method of :class:`Script`;
or ``empty``, a bare Qt window as a peer. BEGAN is the monotonic clock when the process was begun; PACE shortens
what takes long (1 is all of it).
"""

from __future__ import annotations

import gc
import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import psutil
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow

from tests.bench.stats import percentile

TICK_MS = 4
REST_SECONDS = 6.0
WARM_SECONDS = 8.0
BUSY_PARTS, BUSY_SECONDS = 6, 12.5
"""At fifty changes a second, an hour in which some container changes its state every second."""

STAMP = re.compile(r" at (\d+\.\d+)$")
"""When the stand-in printed a line."""

LOG_SECONDS = 25.0
"""At 10,000 lines a second: the view's 100,000 are passed twice."""

FRAME_SECONDS = 1 / 60
SCROLL_FRAMES = 300
TYPED = ("t", "te", "team-1", "team-17", "team-17/app:3", "no such image", "")
FILTERS = ("things/.*7", "things/1[0-9]* ", "GET")
TYPED_PODS = ("l", "lo", "load-0", "load-01", "crash", "no such pod", "")
PODS = 1000
ABSENT = "what no line of the log says"
CHANGES, CHANGE_SECONDS = 40, 0.2

Seconds = Iterator[float]
"""What a script yields: how long Qt goes on by itself before the next step."""


def memory_mb() -> float:
    """This process's memory, shared pages by their share (PSS), in MB."""
    gc.collect()
    told: Any = psutil.Process().memory_full_info()  # macOS knows no PSS
    return float(getattr(told, "pss", told.uss)) / 1e6


class Pulse(QObject):
    """Ticks in Qt's loop; how late each one is says how long the loop was kept from painting, in milliseconds.

    This thread's own share of that is reported too: the rest is waiting for others.
    """

    def __init__(self) -> None:
        super().__init__()
        self._late: list[float] = []
        self._own: list[float] = []
        self.begin()
        timer = QTimer(self, interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        timer.timeout.connect(self._tick)
        timer.start()

    def begin(self) -> None:
        """Count from here."""
        self._late.clear()
        self._own.clear()
        self.go_on()

    def go_on(self) -> None:
        """What was done since the last tick was the bench's own."""
        self._last, self._own_last = time.perf_counter(), time.thread_time()

    def told(self) -> dict[str, float]:
        late, own = self._late, self._own
        return {
            "frames": len(late),
            "p99": percentile(late, 99),
            "max": max(late),
            "over 50 ms": sum(item > 50 for item in late),
            "own max": max(own),
        }

    def _tick(self) -> None:
        now, own = time.perf_counter(), time.thread_time()
        self._late.append((now - self._last) * 1000)
        self._own.append((own - self._own_last) * 1000)
        self._last, self._own_last = now, own


class FirstPaint(QObject):
    """Calls ``then`` when the window's first frame has been given to the screen."""

    def __init__(self, window: QMainWindow, then: Callable[[], None]) -> None:
        super().__init__(window)
        self._then = then
        window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Paint:
            watched.removeEventFilter(self)
            QTimer.singleShot(0, self._then)
        return False


def tell(**values: Any) -> None:
    """Print the result and end."""
    print(json.dumps(values), flush=True)
    QCoreApplication.quit()


class Script:
    """What is done with the window: each mode is a method, which ends by leaving its figures in ``told``."""

    def __init__(self, window: Any, mode: str, pace: float) -> None:
        self.window = window
        self.pace = pace
        self.pulse = Pulse()
        self.told: dict[str, Any] = {}
        self._steps: Seconds = getattr(self, mode)()
        FirstPaint(window, self._go_on)

    def _go_on(self) -> None:
        seconds = next(self._steps, None)
        if seconds is None:
            tell(**self.told)
        else:
            QTimer.singleShot(int(seconds * 1000), self._go_on)

    def rest(self) -> Seconds:
        yield REST_SECONDS * self.pace
        self.told["memory"] = memory_mb()

    def busy(self) -> Seconds:
        """An hour's worth of containers that change their state."""
        events: list[int] = []
        self.window.show_place("containers")
        yield WARM_SECONDS * self.pace
        memory = [memory_mb()]
        self.window.session.view.events_received.connect(lambda told: events.append(len(told)))
        self.pulse.begin()
        for _ in range(BUSY_PARTS):
            yield BUSY_SECONDS * self.pace
            memory.append(memory_mb())
            self.pulse.go_on()
        self.told = {"memory": memory, "events": sum(events), **self.pulse.told()}

    def images(self) -> Seconds:
        """A long list: scrolled through, searched, and changed by others."""
        self.window.show_place("images")
        page = self.window.pages["images"]
        lists = self.window.context.lists
        while not (lists.images.known and lists.containers.known):
            yield 0.1
        yield WARM_SECONDS * self.pace
        self.told["rows"] = len(page.table.records.rows())
        self.pulse.begin()
        yield from self._scroll(page.table.verticalScrollBar())
        self.told["scroll"] = self.pulse.told()
        self.pulse.begin()
        for text in TYPED:
            page.search.setText(text)
            yield 0.3
        self.told["search"] = self.pulse.told()
        self.pulse.begin()
        session = self.window.session
        for number in range(round(CHANGES * self.pace)):
            session.bridge.call(session.engine.images.tag("redis:8", f"changed:{number}"))
            yield CHANGE_SECONDS
        self.told["change"] = self.pulse.told()

    def pods(self) -> Seconds:
        """A thousand pods of which fifty change each second: looked at, scrolled through, searched."""
        self.window.show_place("kubernetes")
        page = self.window.pages["kubernetes"]
        while not page.cluster.runs:
            yield 0.1
        page.show_subject("pods")
        table = page.tab("pods").table
        while len(table.records.rows()) < PODS:
            yield 0.1
        yield WARM_SECONDS * self.pace
        self.told["rows"] = len(table.records.rows())
        self.pulse.begin()
        yield BUSY_SECONDS * self.pace
        self.told["change"] = self.pulse.told()
        self.pulse.begin()
        yield from self._scroll(table.verticalScrollBar())
        self.told["scroll"] = self.pulse.told()
        self.pulse.begin()
        for text in TYPED_PODS:
            page.tab("pods").search.setText(text)
            yield 0.3
        self.told["search"] = self.pulse.told()

    def log(self) -> Seconds:
        """A log that comes fast, then all that is held is looked through while it goes on to come."""
        self.window.show_place("containers")
        page = self.window.pages["containers"]
        while not (rows := [row for row in page.table.visible_rows() if row.record.name == "web"]):
            yield 0.2
        yield from self._follow(page.open(rows[0].record, "logs").tab("logs"))

    def logs(self) -> Seconds:
        """The same with those of all containers in one view."""
        self.window.show_place("logs")
        page = self.window.pages["logs"]
        while len(page.logs.sources) < 2:
            yield 0.2
        yield from self._follow(page.logs)

    def _follow(self, panel: Any) -> Seconds:
        """Watch a view of logs while lines come, then look through what it holds."""
        count, behind, add = [0], [0.0], panel.add

        def added(lines: Any) -> None:
            add(lines)
            count[0] += len(lines)
            found = STAMP.search(lines[-1].text) if lines else None
            if found is not None:
                behind[0] = max(behind[0], time.time() - float(found[1]))

        panel.add = added
        yield 2
        self.pulse.begin()
        count[0], behind[0], began = 0, 0.0, time.monotonic()
        yield LOG_SECONDS * self.pace
        taken = count[0] / (time.monotonic() - began)
        self.told = {"lines": taken, "behind": behind[0], **self.pulse.told(), "held": panel.lines}
        self.pulse.begin()
        panel.follow.setChecked(False)
        yield from self._scroll(panel.text.verticalScrollBar())
        panel.search.setText(ABSENT)  # nothing shortens that search
        yield 1
        panel.wrap.click()
        yield 1
        self.told["look"] = self.pulse.told()
        panel.wrap.click()
        self.pulse.begin()
        yield from self._narrow(panel)
        self.told["narrow"] = self.pulse.told()

    def _narrow(self, panel: Any) -> Seconds:
        """Expressions and filters, over all that is held."""
        panel.regex.click()
        for text in FILTERS:
            panel.search.setText(text)
            yield 0.5
        for button in (panel.only, panel.only, panel.times, panel.times):
            button.click()
            yield 1
        for level in (2, 0):
            panel.levels.actions()[level].trigger()
            yield 1

    def _scroll(self, bar: Any) -> Seconds:
        for number in range(round(SCROLL_FRAMES * self.pace)):
            bar.setValue(bar.maximum() * number // SCROLL_FRAMES)
            yield FRAME_SECONDS


def main(mode: str, began: float, pace: float) -> int:
    """Open a window and do with it what ``mode`` says."""
    if mode == "empty":
        return empty(began)
    from desktop.ui.__main__ import load

    load()
    from desktop.ui import app
    from desktop.ui.report import Report

    class Watched(app.Application):
        def show(self) -> None:
            super().show()
            if mode == "first":
                FirstPaint(self.window, lambda: tell(seconds=time.monotonic() - began, cpu=time.process_time()))
            else:
                self.script = Script(self.window, mode, pace)

    app.Application = Watched  # type: ignore[misc]  # the same window, watched
    return app.main(Report(wanted=False))


def empty(began: float) -> int:
    """A window with a word in it: what any window in Python costs."""
    app = QApplication([])
    window = QMainWindow()
    window.setCentralWidget(QLabel("Nothing"))
    window.resize(1180, 760)
    window.show()

    def painted() -> None:
        seconds, cpu = time.monotonic() - began, time.process_time()
        QTimer.singleShot(1000, lambda: tell(seconds=seconds, cpu=cpu, memory=memory_mb()))

    FirstPaint(window, painted)
    return app.exec()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2]), float(sys.argv[3])))
