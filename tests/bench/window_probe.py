"""The window's process with a watch in it: ``python -m tests.bench.window_probe MODE BEGAN``, JSON on its output.

The window is the real one; MODE says what is done with it: ``first`` (paint, end), ``rest``, ``busy``, ``log``;
or ``empty``, a bare Qt window as a peer. BEGAN is the monotonic clock when the process was begun.
"""

from __future__ import annotations

import gc
import json
import re
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import psutil
from PySide6.QtCore import QCoreApplication, QEvent, QObject, Qt, QTimer
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow

from tests.bench.stats import percentile

TICK_MS = 4
REST_SECONDS = 6.0
WARM_SECONDS = 8.0
BUSY_SECONDS = 75.0
"""At fifty changes a second, an hour in which some container changes its state every second."""

STAMP = re.compile(r" at (\d+\.\d+)\n")
"""When the stand-in printed a line."""

LOG_SECONDS = 25.0
"""At 10,000 lines a second: the view's 100,000 are passed twice."""


def memory_mb() -> float:
    """This process's memory, shared pages by their share (PSS), in MB."""
    gc.collect()
    told: Any = psutil.Process().memory_full_info()  # macOS knows no PSS
    return float(getattr(told, "pss", told.uss)) / 1e6


class Pulse(QObject):
    """Ticks in Qt's loop; how late each one is says how long the loop was kept from painting, in milliseconds.

    :ivar own: what of that was this thread's own work; the rest is waiting for others.
    """

    def __init__(self) -> None:
        super().__init__()
        self.late: list[float] = []
        self.own: list[float] = []
        self._last, self._own_last = time.perf_counter(), time.thread_time()
        timer = QTimer(self, interval=TICK_MS, timerType=Qt.TimerType.PreciseTimer)
        timer.timeout.connect(self._tick)
        timer.start()

    def begin(self) -> None:
        self.late.clear()
        self.own.clear()

    def told(self) -> dict[str, float]:
        late, own = self.late, self.own
        return {
            "p99": percentile(late, 99),
            "max": max(late),
            "over 50 ms": sum(item > 50 for item in late),
            "own p99": percentile(own, 99),
            "own max": max(own),
        }

    def _tick(self) -> None:
        now, own = time.perf_counter(), time.thread_time()
        self.late.append((now - self._last) * 1000)
        self.own.append((own - self._own_last) * 1000)
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


def later(seconds: float, then: Callable[[], None]) -> None:
    """Call something when Qt has had so many seconds."""
    QTimer.singleShot(int(seconds * 1000), then)


class Script:
    """What is done with the window."""

    def __init__(self, window: Any, mode: str) -> None:
        self.window = window
        self.pulse = Pulse()
        self.lines = 0
        self.behind = 0.0
        FirstPaint(window, partial(later, REST_SECONDS, getattr(self, mode)))

    def rest(self) -> None:
        tell(memory=memory_mb())

    def busy(self) -> None:
        self.window.show_place("containers")
        later(WARM_SECONDS, self._busy)

    def _busy(self) -> None:
        self.pulse.begin()
        before = memory_mb()
        events: list[int] = []
        self.window.session.happened.connect(lambda told: events.append(len(told)))
        later(BUSY_SECONDS / 2, partial(self._half, before, events))

    def _half(self, before: float, events: list[int]) -> None:
        middle = memory_mb()
        later(BUSY_SECONDS / 2, lambda: self._busy_end(before, middle, events))

    def _busy_end(self, before: float, middle: float, events: list[int]) -> None:
        told = self.pulse.told()
        tell(before=before, middle=middle, after=memory_mb(), events=sum(events), **told)

    def log(self) -> None:
        self.window.show_place("containers")
        page = self.window.pages["containers"]
        rows = [row for row in page.table.visible_rows() if row.record.name == "web"]
        if not rows:
            later(0.2, self.log)
            return
        panel = page.open(rows[0].record, "logs").tab("logs")
        add = panel.append

        def append(text: str) -> None:
            add(text)
            self.lines += text.count("\n")
            stamps = STAMP.findall(text)
            if stamps:
                self.behind = max(self.behind, time.time() - float(stamps[-1]))

        panel.append = append
        later(2, lambda: self._log(panel))

    def _log(self, panel: Any) -> None:
        self.pulse.begin()
        self.lines, self.behind = 0, 0.0
        later(LOG_SECONDS, lambda: tell(lines=self.lines / LOG_SECONDS, behind=self.behind, **self.pulse.told()))


def main(mode: str, began: float) -> int:
    """Open a window and do with it what ``mode`` says."""
    if mode == "empty":
        return empty(began)
    from desktop.ui import app

    class Watched(app.Application):
        def show(self) -> None:
            super().show()
            if mode == "first":
                FirstPaint(self.window, lambda: tell(seconds=time.monotonic() - began))
            else:
                self.script = Script(self.window, mode)

    app.Application = Watched  # type: ignore[misc]  # the same window, watched
    return app.main()


def empty(began: float) -> int:
    """A window with a word in it: what any window in Python costs."""
    app = QApplication([])
    window = QMainWindow()
    window.setCentralWidget(QLabel("Nothing"))
    window.resize(1180, 760)
    window.show()

    def painted() -> None:
        seconds = time.monotonic() - began
        later(1, lambda: tell(seconds=seconds, memory=memory_mb()))

    FirstPaint(window, painted)
    return app.exec()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], float(sys.argv[2])))
