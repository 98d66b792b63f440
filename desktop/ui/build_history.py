"""Builds that others have begun, such as ``docker build`` in a terminal: BuildKit keeps them, with their steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from desktop.ui.context import Context
from desktop.ui.models.activity import Activity
from desktop.ui.models.build_history import past_activities, ref_of
from desktop.ui.models.builds import Builds
from engine.client import Event
from engine.client.build.history import PastBuild
from engine.client.build.trace import Trace
from vm.errors import UserError


class BuildHistory(QObject):
    """Those of one engine. :ivar why_not: why they are not known; empty if they are."""

    changed = Signal()

    def __init__(self, context: Context, parent: QObject) -> None:
        super().__init__(parent)
        self._context = context
        self._found: list[PastBuild] = []
        self._steps: dict[str, Activity] = {}
        self.why_not = ""
        context.view.ready.connect(self.refresh)
        context.view.gone.connect(self._forget)
        context.view.events_received.connect(self._on_events)
        self.refresh()

    def items(self) -> list[Activity]:
        """Without those that the window itself has asked for."""
        own = self._context.session.activities.log.items
        found = past_activities(self._found, own, self._context.engine_words)
        return [self._steps.get(item.key, item) for item in found]

    def refresh(self) -> None:
        """Ask the engine."""
        if self._context.connection.connected:
            work = self._context.engine.images.past_builds()
            self._context.session.bridge.call(work, self._take, self._fail, owner=self)

    def fetch_steps(self, item: Activity, show: Callable[[Activity], object]) -> None:
        """Ask for the steps of a build."""
        builds = Builds()
        traces: list[Trace] = []

        def done() -> None:
            builds.take(traces)
            builds.ended = item.ended
            self._steps[item.key] = replace(item, steps=builds.kept, output=builds.text)
            show(self._steps[item.key])

        images, ref = self._context.engine.images, ref_of(item)
        bridge = self._context.session.bridge
        bridge.follow(lambda: images.past_steps(ref), traces.extend, done, lambda _: None, owner=self)

    def _take(self, found: list[PastBuild]) -> None:
        self._found, self.why_not = found, ""
        self.changed.emit()

    def _fail(self, error: UserError) -> None:
        self._found, self.why_not = [], error.message
        self.changed.emit()

    def _forget(self) -> None:
        self._found = []
        self.changed.emit()

    def _on_events(self, events: list[Event]) -> None:
        if any(event.kind == "builder" or (event.kind == "image" and event.action == "build") for event in events):
            self.refresh()
