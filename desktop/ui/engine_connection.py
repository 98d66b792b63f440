"""The window's connection to one engine: its client, its events, and how it is just now.

The connection to Slipway's own engine is held while the status says that it runs. One to another engine is made
when it is chosen, and made again with growing pauses when it is lost. Only its first attempt may ask for a
password: nothing pops up later by itself.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from enum import Enum
from functools import partial
from typing import Any, cast

from PySide6.QtCore import QObject, Signal

from desktop.ui.bridge import Bridge, Work
from engine.backends.features import Features
from engine.client import EngineClient, Event, Version
from engine.client.errors import HostKeyUnknown, LoginNeeded, TlsFailed
from engine.remote.askpass import Question
from engine.remote.connect import Way
from engine.remote.endpoints import Endpoint, Kind
from vm.errors import UserError

log = logging.getLogger(__name__)

PAUSE_SECONDS, LONGEST_PAUSE, GROWTH = 0.5, 30.0, 2.0
"""Between two attempts: the pause grows by this factor, up to this many seconds."""

PULSE_SECONDS, PULSE_TIMEOUT = 20.0, 15.0
"""How often an engine on another computer is asked for a sign of life, and how long it has for it: a network that
is gone reports nothing."""

FINAL = (HostKeyUnknown, LoginNeeded, TlsFailed)
"""Failures that do not pass by waiting."""


class State(Enum):
    """How a connection is."""

    CLOSED = "Not connected"
    CONNECTING = "Connecting …"
    CONNECTED = "Connected"
    LOST = "No connection"


@dataclass(frozen=True)
class Asked:
    """A question of ssh's, and where its answer goes. :ivar answer: for the asyncio thread; None gives up."""

    question: Question
    answer: asyncio.Future[str | None]


@dataclass(frozen=True)
class Lost:
    """The connection was lost, or never made. :ivar pause: seconds until the next attempt; None: there is none."""

    error: UserError
    pause: float | None


Item = Event | None | Asked | Lost | Version
"""None: events may be missing, so that everything has to be fetched again."""


class EngineConnection(QObject):
    """One engine. Its signals are emitted in Qt's thread.

    :ivar engine: the client.    :ivar endpoint: what it leads to; None: Slipway's own engine.
    :ivar state: see :class:`State`.    :ivar error: why it is lost.    :ivar pause: seconds until the next
    attempt; None when there is none without :meth:`retry`.    :ivar version: of the engine, since it has answered.
    """

    changed = Signal()
    ready = Signal()
    gone = Signal()
    events_received = Signal(list)
    asked = Signal(object)

    def __init__(
        self, bridge: Bridge, engine: EngineClient, endpoint: Endpoint | None = None, way: Way | None = None
    ) -> None:
        super().__init__()
        self._bridge, self._way = bridge, way
        self.engine, self.endpoint = engine, endpoint
        self.state = State.CLOSED
        self.error: UserError | None = None
        self.pause: float | None = None
        self.version: Version | None = None
        self._work: Work | None = None
        bridge.at_end(self._end)

    @property
    def title(self) -> str:
        """Its name for the user."""
        return self.endpoint.name if self.endpoint is not None else "This computer"

    @property
    def features(self) -> Features:
        """What the engine can do, as data."""
        os = self.version.os if self.version is not None else "linux"
        guest = self.endpoint is None and os == "linux"
        return Features(containers="windows" if os == "windows" else "linux", guest=guest, pause=guest)

    @property
    def own(self) -> bool:
        """Whether it is one of Slipway's on this computer."""
        return self.endpoint is None

    @property
    def host(self) -> str:
        """Where its published ports are reached."""
        return self._way.host() if self._way is not None else "localhost"

    @property
    def connected(self) -> bool:
        """Whether it has answered, and nothing was lost since."""
        return self.state is State.CONNECTED

    def open(self) -> None:
        """Connect, and follow its events."""
        if self._work is None:
            self._change(State.CONNECTING)
            items = self._items if self.endpoint is not None else self._own_items
            self._work = self._bridge.follow(items, self._take, failed=self._failed, owner=self)

    def close(self) -> None:
        """Stop following. The client can still be used, by work that goes on."""
        if self._work is not None:
            self._work.cancel()
            self._work = None
        self._change(State.CLOSED)

    def retry(self) -> None:
        """Connect again, now; ssh may ask."""
        self.close()
        self.open()

    def answer(self, asked: Asked, text: str | None) -> None:
        """Answer a question; None gives up."""
        self._bridge.post(partial(_settle, asked.answer, text))

    # -- the asyncio thread ---------------------------------------------------------------------------------------

    async def _own_items(self) -> AsyncIterator[Item]:
        """Slipway's own: its status says when it comes and goes."""
        while True:
            try:
                yield await self.engine.version()
                async with aclosing(self._followed()) as items:
                    async for item in items:
                        yield item
            except UserError as error:  # the status shows what is wrong
                log.info("the stream of engine events ended: %s", error.message)
            await asyncio.sleep(PAUSE_SECONDS)

    async def _followed(self) -> AsyncGenerator[Item]:
        await self.engine.ping()
        events = self.engine.events()
        yield None
        async with aclosing(cast(Any, events)) as source:
            async for event in source:
                yield event

    async def _items(self) -> AsyncIterator[Item]:
        """Another engine: everything that happens to the connection."""
        box: asyncio.Queue[Item] = asyncio.Queue()
        work = asyncio.create_task(self._keep(box))
        try:
            while True:
                yield await box.get()
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)

    async def _keep(self, box: asyncio.Queue[Item]) -> None:
        assert self._way is not None

        async def ask(question: Question) -> str | None:
            answer: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()
            box.put_nowait(Asked(question, answer))
            return None if question.notice else await answer

        self._way.ask(ask)
        pause = PAUSE_SECONDS
        while True:
            try:
                await self._way.log_in()
                box.put_nowait(await self.engine.version())
                self._way.ask(None)
                pause = PAUSE_SECONDS
                await self._follow(box)
            except FINAL as error:
                box.put_nowait(Lost(error, None))
                return
            except Exception as error:
                if not isinstance(error, UserError):
                    log.exception("the connection to %s failed unexpectedly", self.title)
                    error = UserError("An unexpected error occurred", "", repr(error))
                log.info("the connection to %s was lost: %s %s", self.title, error.message, error.detail)
                box.put_nowait(Lost(error, pause))
            finally:
                self._way.ask(None)
            await asyncio.sleep(pause)
            pause = min(GROWTH * pause, LONGEST_PAUSE)

    async def _follow(self, box: asyncio.Queue[Item]) -> None:
        """Events, and a pulse. :raise UserError: the engine is out of reach."""

        async def events() -> None:
            async with aclosing(self._followed()) as items:
                async for item in items:
                    box.put_nowait(item)

        async def pulse() -> None:
            while True:
                await asyncio.sleep(PULSE_SECONDS)
                try:
                    async with asyncio.timeout(PULSE_TIMEOUT):
                        await self.engine.ping()
                except TimeoutError as error:
                    raise UserError("The engine has stopped answering", "See the network to it.") from error

        tasks = {asyncio.create_task(events()), asyncio.create_task(pulse())}
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
            raise UserError("The engine ended the stream of its events")
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _end(self) -> None:
        await self.engine.__aexit__()
        if self._way is not None:
            with suppress(UserError):
                await self._way.close()

    # -- Qt's thread ----------------------------------------------------------------------------------------------

    def _take(self, received: list[Item]) -> None:
        events: list[Event] = []
        for item in received:
            if isinstance(item, Event):
                events.append(item)
            elif isinstance(item, Asked):
                self.asked.emit(item)
            elif isinstance(item, Version):
                self._answered(item)
            elif isinstance(item, Lost):
                self._lost(item)
            else:
                self._change(State.CONNECTED)
                self.ready.emit()
        if events:
            self.events_received.emit(events)

    def _answered(self, version: Version) -> None:
        """What was known of another engine at the same address counts no more: it was switched."""
        if self.connected and self.version is not None and self.version.os != version.os:
            self.gone.emit()
        self.version = version
        self.changed.emit()

    def _failed(self, error: UserError) -> None:
        self._lost(Lost(error, None))

    def _lost(self, lost: Lost) -> None:
        self._change(State.LOST, lost.error, lost.pause)

    def _change(self, state: State, error: UserError | None = None, pause: float | None = None) -> None:
        had = self.connected
        self.state, self.error, self.pause = state, error, pause
        if had and not self.connected:
            self.gone.emit()
        self.changed.emit()


def warning(endpoint: Endpoint | None) -> str:
    """What has to be said about an endpoint wherever it is used; empty when there is nothing."""
    return "not encrypted" if endpoint is not None and endpoint.kind is Kind.PLAIN else ""


def _settle(answer: asyncio.Future[str | None], text: str | None) -> None:
    if not answer.done():  # ssh may have given up
        answer.set_result(text)
