"""What the window knows of Slipway: the status, the engine's events, and the clients; kept alive for ever.

A supervisor or an engine that goes away is looked for again; everything that shows something refetches when
:attr:`Session.engine_ready` says that the engine is (back) there.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, TypeVar, cast

from PySide6.QtCore import QObject, Signal

from desktop.control.client import ControlClient, own_paths
from desktop.control.schema import Event as ControlEvent
from desktop.control.schema import RunState, Status, UsageReport
from desktop.ui.bridge import Bridge, Failed, Work
from engine.client import EngineClient
from engine.client import Event as EngineEvent
from engine.client.credentials import UserKeys
from vm.errors import UserError

log = logging.getLogger(__name__)

T = TypeVar("T")

RETRY_SECONDS = 0.5
WATCH_SECONDS = 3.0
"""Between two statuses when nothing happens."""

USAGE_KEPT = 600
"""Samples of the machine's load that are kept: half an hour."""

EVENTS_KEPT = 200


class Session(QObject):
    """One per window.

    :ivar status: the last one; None while there is no supervisor.
    :ivar trouble: why there is none, if it is known.
    :ivar usage: the machine's load over time.    :ivar recent: the engine's last events, newest last.
    """

    status_changed = Signal()
    engine_ready = Signal()
    engine_gone = Signal()
    happened = Signal(list)
    work_told = Signal(object)

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.bridge = bridge
        self.paths = own_paths()
        self.client = ControlClient(self.paths)
        self.engine = EngineClient(self.paths.docker_socket, keys=UserKeys().look)
        bridge.at_end(self.client.close)
        bridge.at_end(self.engine.__aexit__)
        self.status: Status | None = None
        self.trouble: UserError | None = None
        self.usage: deque[UsageReport] = deque(maxlen=USAGE_KEPT)
        self.recent: deque[EngineEvent] = deque(maxlen=EVENTS_KEPT)
        self._events: Work | None = None
        self._watch: Work | None = None
        self._starting: Work | None = None
        self._spawn = True

    @property
    def running(self) -> bool:
        """Whether the engine has just answered."""
        return self.status is not None and self.status.state is RunState.RUNNING

    # -- life -----------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Look for a supervisor, starting one if need be, and stay with it."""
        self._watch = self.bridge.follow(self._statuses, self._take_statuses, owner=self)

    def close(self) -> None:
        """Leave; the supervisor stays."""
        for work in (self._watch, self._events):
            if work is not None:
                work.cancel()

    async def _statuses(self) -> AsyncIterator[Status | UserError]:
        while True:
            try:
                await self.client.ready(spawn=self._spawn)
                self._spawn = False
                async with aclosing(self.client.watch(WATCH_SECONDS)) as watched:
                    async for status in watched:
                        yield status
            except UserError as error:
                yield error
            await asyncio.sleep(RETRY_SECONDS)

    def _take_statuses(self, told: list[Status | UserError]) -> None:
        before = self.running
        for item in told:
            if isinstance(item, Status):
                self.status, self.trouble = item, None
                if item.usage is not None:
                    self.usage.append(item.usage)
            else:
                self.status, self.trouble = None, item
        if self.running and not before:
            self._events = self.bridge.follow(self._engine_events, self._take_events, owner=self)
        elif before and not self.running:
            if self._events is not None:
                self._events.cancel()
            self.engine_gone.emit()
        self.status_changed.emit()

    async def _engine_events(self) -> AsyncIterator[EngineEvent | None]:
        """Events from now on; None says that some may have been missed, so all has to be looked at anew."""
        while True:
            try:
                await self.engine.ping()
                events = self.engine.events()
                yield None
                async with aclosing(cast(Any, events)) as source:
                    async for event in source:
                        yield event
            except UserError as error:  # the status tells what is wrong
                log.info("the engine's events have ended: %s", error.message)
            await asyncio.sleep(RETRY_SECONDS)

    def _take_events(self, told: list[EngineEvent | None]) -> None:
        events = [event for event in told if event is not None]
        if len(events) != len(told):
            self.engine_ready.emit()
        if events:
            self.recent.extend(event for event in events if not event.action.startswith("exec_"))
            self.happened.emit(events)

    # -- work -----------------------------------------------------------------------------------------------------

    def control(
        self,
        call: Callable[[ControlClient], Coroutine[Any, Any, T]],
        done: Callable[[T], object] | None = None,
        failed: Failed | None = None,
        *,
        owner: QObject | None = None,
    ) -> Work:
        """One call of the control API."""

        async def work() -> T:
            await self.client.ready()
            return await call(self.client)

        return self.bridge.call(work(), done, failed, owner=owner or self)

    def control_work(
        self,
        begin: Callable[[ControlClient], AsyncIterator[ControlEvent]],
        failed: Failed | None = None,
        each: Callable[[list[ControlEvent]], object] | None = None,
        done: Callable[[], object] | None = None,
    ) -> Work:
        """Long work of the supervisor's: start, stop, reset."""

        async def events() -> AsyncIterator[ControlEvent]:
            await self.client.ready()
            async with aclosing(cast(Any, begin(self.client))) as source:  # closing it cancels the work
                async for event in source:
                    yield event

        return self.bridge.follow(events, each or (lambda _: None), done, failed, owner=self)

    def start(self, failed: Failed | None = None) -> None:
        """Start the machine; the status tells how it goes."""
        self._starting = self.control_work(lambda client: client.start(), failed or _leave_it_to_the_status)

    def stop(self, failed: Failed | None = None) -> None:
        """Stop the machine."""
        self.control_work(lambda client: client.stop(), failed)

    def restart(self, failed: Failed | None = None) -> None:
        """Stop and start."""
        self.control_work(lambda client: client.restart(), failed or _leave_it_to_the_status)


def _leave_it_to_the_status(error: UserError) -> None:
    """A start that fails is told by the status, with its reason, on every page."""
