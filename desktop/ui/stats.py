"""Ten minutes of what each running container uses, whether it is shown or not.

There is one source for lists, plots and projects: single samples, asked for each two seconds of what is on the
screen and seldom of all else, so that nothing of it costs much while the window rests. A stream for each container
would cost dockerd a sample a second. It works with every engine, on this computer or another.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Iterable

from PySide6.QtCore import QObject, QTimer, Signal

from desktop.ui.bridge import Work
from desktop.ui.engine_view import EngineView
from desktop.ui.models.stats import History, Sample, Usage, due, sample_of
from engine.client import EngineClient
from vm.errors import EngineError

TICK_MS = 1000
AT_ONCE = 4
"""Questions that are asked in parallel."""


class ContainerStats(QObject):
    """The histories of one engine's containers. :ivar histories: container's ID → its last ten minutes."""

    changed = Signal()

    def __init__(self, view: EngineView) -> None:
        super().__init__(view)
        self._view = view
        self._running: tuple[str, ...] = ()
        self._shown: dict[object, frozenset[str]] = {}
        self._asked: dict[str, float] = {}
        self._work: Work | None = None
        self.histories: dict[str, History] = {}
        self._tick = QTimer(self, interval=TICK_MS)
        self._tick.timeout.connect(self._ask)
        view.gone.connect(self._forget)

    @property
    def latest(self) -> dict[str, Usage]:
        """What each running container uses now, as far as that is known."""
        return {key: found.usage for key, found in self.histories.items() if found.usage is not None}

    def follow(self, running: Iterable[str], known: Collection[str]) -> None:
        """Follow these containers. :param known: all there are: the histories of others are forgotten."""
        self._running = tuple(running)
        for key in set(self.histories) - set(self._running):
            self.histories[key].end()
            self._asked.pop(key, None)
            if key not in known:
                del self.histories[key]
        if bool(self._running) != self._tick.isActive():
            (self._tick.start if self._running else self._tick.stop)()
            self._ask()

    def show(self, by: object, keys: Iterable[str]) -> None:
        """Say which containers a page has on the screen now; none when it is hidden."""
        self._shown[by] = frozenset(keys)
        if not self._shown[by]:
            del self._shown[by]

    def _ask(self) -> None:
        now = time.monotonic()
        shown = frozenset[str]().union(*self._shown.values()) & frozenset(self._running)
        keys = due(self._asked, self._running, shown, now) if self._work is None else []
        if not keys:
            return
        self._asked.update(dict.fromkeys(keys, now))
        work = ask(self._view.engine, keys)
        self._work = self._view.bridge.call(work, self._take, lambda _: self._end(), owner=self)

    def _take(self, samples: dict[str, Sample]) -> None:
        self._end()
        now = time.time()
        for key, sample in samples.items():
            if key in self._running:
                self.histories.setdefault(key, History()).add(sample, now)
        if samples:
            self.changed.emit()

    def _end(self) -> None:
        self._work = None

    def _forget(self) -> None:
        if self._work is not None:
            self._work.cancel()
            self._end()
        self._tick.stop()
        self._running = ()
        self.histories.clear()
        self._asked.clear()
        self.changed.emit()


async def ask(engine: EngineClient, keys: Iterable[str]) -> dict[str, Sample]:
    """A sample of each container; those that cannot be asked have stopped meanwhile."""
    left, found = iter(list(keys)), dict[str, Sample]()

    async def some() -> None:
        for key in left:
            try:
                sample = sample_of(await engine.containers.sample(key))
            except EngineError:
                continue
            if sample.at > 0:  # of a container that has just stopped there are only zeros
                found[key] = sample

    await asyncio.gather(*(some() for _ in range(AT_ONCE)))
    return found
