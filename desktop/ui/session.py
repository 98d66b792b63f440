"""The window's connection to Slipway: its status, the control API, and the engine that the pages follow.

The session reconnects when the supervisor or the engine comes back. Pages fetch their data when the engine's view
says that it is ready. That engine is Slipway's own, or one of the user's Docker contexts.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine
from contextlib import aclosing, suppress
from pathlib import Path
from typing import Any, TypeVar, cast

from PySide6.QtCore import QObject, Signal

from desktop.control.client import ControlClient, SupervisorAbsent, own_paths
from desktop.control.schema import Event as ControlEvent
from desktop.control.schema import RunState, Status, UsageReport
from desktop.ui.activities import Activities
from desktop.ui.bridge import Bridge, Failed, Work
from desktop.ui.engine_connection import EngineConnection, State
from desktop.ui.engine_view import EngineView
from desktop.ui.models.states import TITLES
from desktop.ui.words import tr
from engine.client import EngineClient
from engine.client.credentials import UserKeys
from engine.remote.connect import connect
from engine.remote.endpoints import Endpoint
from vm.errors import UserError

log = logging.getLogger(__name__)

T = TypeVar("T")

RETRY_SECONDS = 0.5
"""Between two attempts where one costs next to nothing."""

LONGEST_PAUSE, GROWTH = 10.0, 2.0
"""The pause after a supervisor that does not start or whose connection breaks: it grows by this factor up to this
many seconds, from :data:`RETRY_SECONDS`."""

WATCH_SECONDS = 3.0
"""Between two statuses when nothing happens."""

REMOTE_SECONDS = 60.0
"""For an answer of another engine to begin; Slipway's own may boot meanwhile."""

ALIVE = (RunState.RUNNING, RunState.PAUSED, RunState.UNREACHABLE)

USAGE_KEPT = 600
"""Samples of the machine's load that are kept: half an hour."""


class Session(QObject):
    """One per window. Its signals are emitted in Qt's thread.

    :ivar client: the control API.    :ivar own: Slipway's own engine that is in use.
    :ivar view: the engine that the pages follow.    :ivar beside: the one of Slipway's own that they show as well,
    while it runs beside the one in use.    :ivar activities: what the user has asked for.
    :ivar status: the latest status; None while there is no supervisor.
    :ivar error: why there is no supervisor, if that is known.    :ivar usage: the machine's load over time.
    :ivar progress: a sentence while a supervisor takes its time to start; otherwise empty.
    """

    status_changed = Signal()
    settings_read = Signal(object)
    """The settings in use, by their names, each time that they have been asked for."""

    def __init__(self, bridge: Bridge, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.bridge = bridge
        self.paths = own_paths()
        self.client = ControlClient(self.paths)
        bridge.at_end(self.client.close)
        self.activities = Activities(bridge, self.paths.activities, self)
        self.own = self._connection(self.paths.docker_socket)
        self._named: dict[Path, EngineConnection] = {}
        self._others: dict[Endpoint, EngineConnection] = {}
        self.view = EngineView(bridge, self.own, self)
        self.beside = EngineView(bridge, self._by_name(self.paths.windows_socket), self, beside=True)
        self.status: Status | None = None
        self.error: UserError | None = None
        self.progress = ""
        self.usage: deque[UsageReport] = deque(maxlen=USAGE_KEPT)
        self._watch: Work | None = None
        self._starting: Work | None = None
        self._spawn = True
        self._restarting = False
        self._needed = asyncio.Event()  # set in the asyncio thread: a call needs a supervisor now

    @property
    def chosen(self) -> EngineConnection:
        """The engine that the pages follow first."""
        return self.view.connection

    @property
    def engine(self) -> EngineClient:
        """Its Docker API."""
        return self.view.engine

    @property
    def running(self) -> bool:
        """Whether Slipway's own engine answered at the latest status."""
        return self.status is not None and self.status.state is RunState.RUNNING

    @property
    def state_words(self) -> str:
        """How Slipway's own engine is, for a title."""
        if self.status is None:
            return ""
        return tr(TITLES[RunState.RESTARTING if self._restarting else self.status.state])

    @property
    def several(self) -> bool:
        """Whether the pages show two engines at once."""
        return self.chosen.own and self.beside.connection.connected

    # -- engines --------------------------------------------------------------------------------------------------

    def choose(self, endpoint: Endpoint | None) -> None:
        """Have the pages follow another engine; None: Slipway's own. Connections that were made stay open.

        :raise UserError: the endpoint cannot be used.
        """
        chosen = self.own
        if endpoint is not None:
            if endpoint not in self._others:
                way = connect(endpoint, self.paths)
                engine = EngineClient(way.dialler, REMOTE_SECONDS, keys=UserKeys().look)
                self._others[endpoint] = EngineConnection(self.bridge, engine, endpoint, way)
            chosen = self._others[endpoint]
        if chosen is self.chosen:
            if chosen.state is State.LOST:
                chosen.retry()
            return
        left = self.chosen
        self.view.show(chosen)
        if left is not self.own:
            left.close()
        if chosen is not self.own:
            chosen.open()
        self._follow_beside()

    def _connection(self, socket: Path) -> EngineConnection:
        """To an engine of Slipway's own."""
        return EngineConnection(self.bridge, EngineClient(socket, keys=UserKeys().look))

    def _by_name(self, socket: Path) -> EngineConnection:
        """To the engine that always answers at a socket of its own, whichever is in use."""
        if socket not in self._named:
            self._named[socket] = self._connection(socket)
        return self._named[socket]

    def _follow_beside(self) -> None:
        """Follow the engine of Slipway's own that runs beside the one in use, if there is one."""
        engines = self.status.engines if self.status is not None and self.chosen.own else ()
        running = [one for one in engines if one.socket and not one.in_use and one.state is RunState.RUNNING]
        left = self.beside.connection
        if running:
            self.beside.show(self._by_name(Path(running[0].socket)))
            self.beside.connection.open()
        if not running or left is not self.beside.connection:
            left.close()

    # -- life -----------------------------------------------------------------------------------------------------

    def open(self) -> None:
        """Find or start a supervisor, and follow its status."""
        self._watch = self.bridge.follow(self._statuses, self._take_statuses, owner=self)

    def close(self) -> None:
        """Stop following; the supervisor keeps running."""
        self.activities.save()
        if self._watch is not None:
            self._watch.cancel()
        for connection in (self.own, *self._named.values(), *self._others.values()):
            connection.close()

    async def _statuses(self) -> AsyncIterator[Status | UserError | str]:
        """Statuses; while there are none, why, and sentences about a start that takes its time."""
        pause = RETRY_SECONDS
        while True:
            self._needed.clear()
            try:
                async with aclosing(self._getting_ready()) as sentences:
                    async for sentence in sentences:
                        yield sentence
                self._spawn = False
                async with aclosing(self.client.watch(WATCH_SECONDS)) as watched:
                    async for status in watched:
                        pause = RETRY_SECONDS
                        yield status
            except SupervisorAbsent as error:  # none was started: it is cheap to look again
                pause = RETRY_SECONDS
                yield error
            except UserError as error:
                yield error
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._needed.wait()
            pause = min(GROWTH * pause, LONGEST_PAUSE)

    async def _getting_ready(self) -> AsyncGenerator[str]:
        """See that a supervisor answers; yields what is reported meanwhile. :raise UserError: none does."""
        said: asyncio.Queue[str | None] = asyncio.Queue()
        work = asyncio.create_task(self.client.ready(spawn=self._spawn, tell=said.put_nowait))
        work.add_done_callback(lambda _: said.put_nowait(None))
        try:
            while (sentence := await said.get()) is not None:
                yield sentence
            await work
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    def _take_statuses(self, received: list[Status | UserError | str]) -> None:
        before = self.running
        for item in received:
            was = self.status.state if self.status is not None else None
            self.status = item if isinstance(item, Status) else None
            begins = self.status is not None and self.status.state is RunState.STARTING
            self._restarting = begins and (self._restarting or was in ALIVE)  # nothing was stopped in between
            self.error = item if isinstance(item, UserError) else None
            self.progress = item if isinstance(item, str) else ""
            if self.status is not None and self.status.usage is not None:
                self.usage.append(self.status.usage)
        if self.running and not before:
            self.own.open()
        elif before and not self.running:
            self.own.close()
        self._follow_beside()
        self.status_changed.emit()

    # -- work -----------------------------------------------------------------------------------------------------

    def control(
        self,
        call: Callable[[ControlClient], Coroutine[Any, Any, T]],
        done: Callable[[T], object] | None = None,
        failed: Failed | None = None,
        *,
        owner: QObject | None = None,
        begin: bool = True,
    ) -> Work:
        """Make one call of the control API.

        :param begin: start a supervisor if there is none; otherwise that is a failure.
        """

        async def work() -> T:
            await (self._ready() if begin else self.client.ready(spawn=False))
            return await call(self.client)

        return self.bridge.call(work(), done, failed, owner=owner or self)

    def control_work(
        self,
        begin: Callable[[ControlClient], AsyncIterator[ControlEvent]],
        failed: Failed | None = None,
        each: Callable[[list[ControlEvent]], object] | None = None,
        done: Callable[[], object] | None = None,
    ) -> Work:
        """Begin and follow a long operation of the supervisor: start, stop, reset."""

        async def events() -> AsyncIterator[ControlEvent]:
            await self._ready()
            async with aclosing(cast(Any, begin(self.client))) as source:  # closing it cancels the work
                async for event in source:
                    yield event

        return self.bridge.follow(events, each or (lambda _: None), done, failed, owner=self)

    async def _ready(self) -> None:
        """See that a supervisor answers, and have the status follow at once."""
        self._needed.set()
        await self.client.ready()

    def start(self, failed: Failed | None = None) -> None:
        """Start the machine; the status shows its progress."""
        self._starting = self.control_work(lambda client: client.start(), failed or _shown_by_the_status)

    def stop(self, failed: Failed | None = None) -> None:
        """Stop the machine."""
        self.control_work(lambda client: client.stop(), failed)

    def restart(self, failed: Failed | None = None) -> None:
        """Stop and start."""
        self.control_work(lambda client: client.restart(), failed or _shown_by_the_status)


def _shown_by_the_status(error: UserError) -> None:
    """Do nothing: every page shows the status, and that has the reason."""
