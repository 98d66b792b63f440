"""Logs of the engine's, followed: one as it is sent, or those of several containers as one."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from PySide6.QtGui import QAction, QActionGroup, QHideEvent, QShowEvent

from desktop.ui.bridge import Work
from desktop.ui.context import Context
from desktop.ui.models.logs.book import MOST_LINES
from desktop.ui.models.logs.lines import LineReader, LogLine
from desktop.ui.models.logs.looks import Looks
from desktop.ui.models.logs.moments import NANO
from desktop.ui.pages.log_range import Range, RangeForm
from desktop.ui.widgets.basics import tool
from desktop.ui.widgets.keptlog import KeptLog
from desktop.ui.widgets.logview import LogView, name_choice
from engine.client.streams import Frame
from vm.errors import UserError

TAIL = 5000
"""Lines of a log that are fetched at first; new ones follow as they are printed."""

TAIL_OF_SEVERAL = 1000
"""The same of each, where several are shown."""

OVERLAP_SECONDS = 0.001
"""A log goes on from a little before its last line: Docker's times have more digits than a float."""

OUTPUTS = ("All output", "Standard output", "Standard error")


class FrameLog(LogView):
    """Shows the frames of one log.

    :param frames: begins to read it.    :param timed: each line begins with its time.
    """

    def __init__(
        self, context: Context, name: str, frames: Callable[[], AsyncIterator[Frame]], *, timed: bool = False
    ) -> None:
        super().__init__(name, timed=timed)
        self._context, self._frames, self._timed = context, frames, timed
        self._work: Work | None = None

    def begin(self) -> None:
        """Fetch it anew."""
        if self._work is not None:
            self._work.cancel()
        self.clear()
        self.say("Waiting for lines …")
        frames, reader = self._frames, LineReader(stamped=self._timed)
        self._work = self._context.session.bridge.follow(
            lambda: read(frames(), reader), self._take, partial(self.say, ""), self._failed, owner=self
        )

    def _take(self, found: list[list[LogLine]]) -> None:
        self.say("")
        self.add([line for lines in found for line in lines])

    def _failed(self, error: UserError) -> None:
        self.say(error.message)


@dataclass(frozen=True)
class Source:
    """One container's log. :ivar id: the container's; of two engines no two have the same."""

    context: Context
    id: str
    name: str


class ContainerLogs(KeptLog):
    """Follows the logs of containers while it is shown, and goes on where it was when it is shown again.

    :param key: what it is the log of: one that is made for the same later looks as this one was left. Empty: it
        does not.
    """

    def __init__(self, context: Context, name: str, key: str = "") -> None:
        super().__init__(name, timed=True)
        self._kept, self._key = context.places.logs, key
        self._session = context.session
        self._sources: dict[str, Source] = {}
        self._works: dict[str, Work] = {}
        self._last: dict[str, int] = {}
        self._problems: dict[str, str] = {}
        self._range = Range()
        self._tail = TAIL
        self._awake, self._waiting = False, False
        self.range = tool("range", "Time range: all", self.choose_range)
        self.tools.insertWidget(0, self.range)
        self.earlier = QAction("Fetch all lines, not only the last ones", self.more, checkable=True)
        self.earlier.triggered.connect(self.begin)
        self.outputs = QActionGroup(self)
        self.more.addSeparator()
        self.more.addAction(self.earlier)
        self.more.addSeparator()
        for number, words in enumerate(OUTPUTS):
            made = QAction(words, self.more, checkable=True, checked=not number)
            made.setData(number)
            self.outputs.addAction(made)
            self.more.addAction(made)
        self.outputs.triggered.connect(lambda _: self.begin())
        for one in context.both:
            one.view.events_received.connect(self._on_events)
            one.view.ready.connect(self._on_ready)
        looks = self._kept.recall(key) if key else None
        if looks is not None:
            self.set_looks(looks)

    def looks(self) -> Looks:
        more = self._range, self.outputs.checkedAction().data(), self.earlier.isChecked()
        return replace(super().looks(), more=more)

    def set_looks(self, looks: Looks) -> None:
        self._range, outputs, earlier = looks.more
        self.outputs.actions()[outputs].setChecked(True)
        self.earlier.setChecked(earlier)
        self._name_range()
        super().set_looks(looks)

    def show_logs(self, sources: Sequence[Source]) -> None:
        """Show the logs of these containers; those that are shown already go on."""
        found = {source.id: source for source in sources}
        for key in set(self._sources) - set(found):
            self._stop(key)
            self._last.pop(key, None)
            self._problems.pop(key, None)
        self._tail = TAIL if len(found) <= 1 else TAIL_OF_SEVERAL
        if found != self._sources:
            self._sources = found
            self.name_sources({key: source.name for key, source in found.items()})
        self._follow_all()
        self._tell_state()

    @property
    def sources(self) -> tuple[Source, ...]:
        """Those whose logs are shown."""
        return tuple(self._sources.values())

    def begin(self) -> None:
        """Fetch all anew."""
        for key in list(self._works):
            self._stop(key)
        self._last.clear()
        self.clear()
        self._follow_all()

    def choose_range(self) -> RangeForm:
        """Ask for a time range, as those of ``docker logs``."""
        form = RangeForm(self, self._range)
        form.accepted.connect(lambda: self.set_range(form.chosen()))
        form.open()
        return form

    def set_range(self, chosen: Range) -> None:
        """Show the lines of a time range only."""
        self._range = chosen
        self._name_range()
        self.begin()

    def _name_range(self) -> None:
        name_choice(self.range, "Time range", self._range.words, active=self._range != Range())

    # -- following ------------------------------------------------------------------------------------------------

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._awake = True
        self._follow_all()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        if not event.spontaneous():  # that is a minimized window
            self._awake = False
            if self._key:
                self._kept.keep(self._key, self.looks())
            for key in list(self._works):
                self._stop(key)

    def _follow_all(self) -> None:
        if self._awake:
            for key in self._sources:
                if key not in self._works:
                    self._follow(key)
            self._tell_state()

    def _follow(self, key: str) -> None:
        source, chosen, last = self._sources[key], self._range, self._last.get(key, 0)
        which = self.outputs.checkedAction().data()
        since = last / NANO - OVERLAP_SECONDS if last else chosen.since
        every = last or self.earlier.isChecked() or chosen.since is not None
        engine, tail = source.context.engine, MOST_LINES if every else self._tail

        def lines() -> AsyncIterator[list[LogLine]]:
            frames = engine.containers.logs(
                key,
                follow=True,
                tail=tail,
                since=since,
                until=chosen.until,
                timestamps=True,
                stdout=which != 2,
                stderr=which != 1,
            )
            return read(frames, LineReader(key, stamped=True))

        self._problems.pop(key, None)
        self._works[key] = self._session.bridge.follow(
            lines, partial(self._take, key), partial(self._ended, key), partial(self._failed, key), owner=self
        )

    def _stop(self, key: str) -> None:
        work = self._works.pop(key, None)
        if work is not None:
            work.cancel()

    def _take(self, key: str, found: list[list[LogLine]]) -> None:
        last = self._last.get(key, 0)
        new = [line for lines in found for line in lines if not line.moment or line.moment > last]
        if new:
            self._last[key] = max(last, *(line.moment for line in new))
            self.add(new)
            if self._waiting:
                self._tell_state()

    def _ended(self, key: str) -> None:
        self._tell_state()

    def _failed(self, key: str, error: UserError) -> None:
        self._works.pop(key, None)
        self._problems[key] = error.message
        self._tell_state()

    def _on_events(self, events: list[Any]) -> None:
        for event in events:
            if event.action == "start" and event.actor in self._sources:
                self._stop(event.actor)
                if self._awake:
                    self._follow(event.actor)

    def _on_ready(self) -> None:
        """Those that have ended, perhaps because the engine did, go on."""
        for key in [key for key, work in self._works.items() if not work.active]:
            self._stop(key)
        self._follow_all()

    def _tell_state(self) -> None:
        problems = [f"{self._sources[key].name}: {why}" for key, why in self._problems.items()]
        self._waiting = any(work.active for work in self._works.values()) and not self.book.held
        words = "Waiting for lines …" if self._waiting else "" if self._sources else "No container is ticked"
        self.say(problems[0] if problems else words)


async def read(frames: AsyncIterator[Frame], reader: LineReader) -> AsyncIterator[list[LogLine]]:
    """The lines of a log's frames."""
    async for frame in frames:
        if lines := reader.feed(frame.data, frame.stream):
            yield lines
    if lines := reader.finish():
        yield lines
