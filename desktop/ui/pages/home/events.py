"""Recent events of the engine, including those before the window was opened."""

from __future__ import annotations

import time

from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QLabel, QVBoxLayout, QWidget

from desktop.ui.context import Context
from desktop.ui.models.events import phrase
from desktop.ui.theme import GAP
from desktop.ui.widgets.basics import Elided, card, column, fill, label, row
from engine.client import Event

SHOWN = 6
HEIGHT = 196
"""That of the card with as many events: nothing jumps when they come."""

PAST_SECONDS = 6 * 3600.0
"""Seconds of past events that are requested; the engine keeps its last 256 events."""


class EventsCard(QWidget):
    """The list of recent events."""

    def __init__(self, context: Context) -> None:
        super().__init__()
        self._context = context
        self._known: dict[tuple[int, str, str], Event] = {}
        self._list = column(gap=4)
        self.setMinimumHeight(HEIGHT)
        self._nothing = label("No events yet", "muted")
        self.lines: list[tuple[QLabel, Elided]] = []
        fill(QVBoxLayout(self), card(label("Recent events", "section"), self._nothing, self._list, None, gap=GAP))
        context.session.own.events_received.connect(self._take)
        context.session.own.ready.connect(self._ask)
        if context.session.running:
            self._ask()

    def texts(self) -> list[str]:
        """The texts of the events, newest first."""
        return [line.accessibleName() for _, line in self.lines]

    def _ask(self) -> None:
        session, now = self._context.session, time.time()
        session.bridge.follow(
            lambda: session.own.engine.events(since=now - PAST_SECONDS, until=now),
            self._take,
            None,
            lambda _: None,
            owner=self,
        )

    def _take(self, events: list[Event]) -> None:
        fresh = {(event.time, event.actor, event.action): event for event in events if phrase(event)}
        if not fresh.keys() - self._known.keys():
            return
        known = sorted({**self._known, **fresh}.items())[-SHOWN:]
        self._known = dict(known)
        if self.isVisible():
            self._show()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self._show()

    def _show(self) -> None:
        events = [event for _, event in sorted(self._known.items(), reverse=True)]
        self._nothing.setVisible(not events)
        while len(self.lines) < len(events):
            moment, line = label("", "small"), Elided()
            moment.setFixedWidth(64)
            self.lines.append((moment, line))
            both = row(moment)
            both.addWidget(line, 1)
            self._list.addLayout(both)
        for (moment, line), event in zip(self.lines, events, strict=False):
            moment.setText(time.strftime("%H:%M:%S", time.localtime(event.time / 1e9)))
            line.set_full(phrase(event))
