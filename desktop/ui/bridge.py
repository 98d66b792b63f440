"""The one place where asyncio meets Qt.

The asyncio loop runs in a thread of its own. Work begun in Qt's thread runs there, and its results come back into
Qt's event loop in order. Results are delivered in batches with a time limit, so that the window keeps painting
during a flood (a log at 10,000 lines a second). A source that is faster than Qt has to wait.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import aclosing
from functools import partial
from typing import Any, Generic, TypeVar, cast

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from desktop.ui.collector import Collector
from vm.errors import UserError

log = logging.getLogger(__name__)

T = TypeVar("T")

BATCH_SECONDS = 0.006
"""Longest time that one delivery takes before Qt handles other events."""

FRAME_SECONDS = 1 / 60

SWITCH_SECONDS = 0.0005
"""How soon Qt's thread gets the GIL from a busy asyncio thread: each call from Qt into Python acquires it."""

MAX_PENDING = 1500
"""Items of one stream that may wait for Qt before the source is paused."""

END_SECONDS = 5.0

EACH, DONE, FAILED, OVER = "each", "done", "failed", "over"
"""Kinds of messages from the asyncio thread: items, the result, the error, and the end of the work."""

Failed = Callable[[UserError], object]


class Work:
    """Work under way in the asyncio thread. After :meth:`cancel` none of its callbacks is called.

    The object and everything it refers to belong to Qt's thread: the asyncio thread never holds a callback, nor
    the last reference to the coroutine function.
    """

    def __init__(self, bridge: Bridge, number: int, run: object) -> None:
        self._bridge = bridge
        self._number = number
        self._run = run
        self.callbacks: dict[str, Callable[[Any], object]] = {}
        self.active = True

    def cancel(self) -> None:
        """Cancel it; does nothing when it has ended."""
        if self.active:
            self.active = False
            self.callbacks.clear()
            self._bridge.cancel(self._number)


class Bridge(QObject):
    """Owns the asyncio thread. All public methods are for Qt's thread.

    Qt's objects are freed in Qt's thread; otherwise the two threads could deadlock (see collector.py). So
    callbacks stay in this thread, and garbage is collected in it.
    """

    _woken = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._collector = Collector(self)
        self._works: dict[int, Work] = {}
        self._numbers = itertools.count()
        self._inbox: deque[tuple[int, str, Any]] = deque()
        self._final_steps: list[Callable[[], Coroutine[Any, Any, object]]] = []
        self._announced = False
        self._lock = threading.Lock()
        self._woken.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._loop = asyncio.new_event_loop()
        self._tasks: dict[int, asyncio.Task[None]] = {}
        sys.setswitchinterval(SWITCH_SECONDS)
        self._thread = threading.Thread(target=self._run, name="asyncio", daemon=True)
        self._thread.start()

    def call(
        self,
        work: Coroutine[Any, Any, T],
        done: Callable[[T], object] | None = None,
        failed: Failed | None = None,
        *,
        owner: QObject | None = None,
    ) -> Work:
        """Run a coroutine; call ``done`` with its result or ``failed`` with its error, in Qt's thread.

        :param owner: the work is cancelled when this object is destroyed.
        """

        async def run(number: int) -> None:
            self._send(number, DONE, await work)

        callbacks = {FAILED: failed, DONE: done}
        return self._begin(run, callbacks, owner, work.close)

    def follow(
        self,
        items: Callable[[], AsyncIterator[T]],
        each: Callable[[list[T]], object],
        done: Callable[[], object] | None = None,
        failed: Failed | None = None,
        *,
        owner: QObject | None = None,
    ) -> Work:
        """Iterate in the asyncio thread; call ``each`` with the items since its last call, in Qt's thread."""

        async def run(number: int) -> None:
            batch = Batch[T](self._loop)

            def deliver() -> None:
                self._send(number, EACH, batch)

            try:
                async with aclosing(cast(Any, items())) as source:
                    async for item in source:
                        if batch.add(item):
                            self._loop.call_later(batch.pause(), deliver)
                        await batch.room()
            finally:
                deliver()
            self._send(number, DONE, None)

        def take(batch: Batch[T]) -> None:
            found = batch.take()
            if found:
                each(found)

        callbacks = {EACH: take, FAILED: failed, DONE: (lambda _: done()) if done is not None else None}
        return self._begin(run, callbacks, owner)

    def cancel(self, number: int) -> None:
        """Cancel the work of that number, if it is still under way."""
        self.post(partial(self._cancel, number))

    def post(self, callback: Callable[[], None]) -> bool:
        """Call a function in the asyncio thread; return False when that thread has ended."""
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def at_end(self, last: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Run a coroutine in the asyncio thread after all work has ended."""
        self._final_steps.append(last)

    def close(self) -> None:
        """Cancel everything and end the thread."""
        self.post(self._end)
        self._thread.join(END_SECONDS)
        self._inbox.clear()
        self._works.clear()
        self._collector.close()

    # -- the asyncio thread ---------------------------------------------------------------------------------------

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def _end(self) -> None:
        self._ending = self._loop.create_task(self._finish())

    async def _finish(self) -> None:
        await _cancelled(self._tasks.values())  # each ends the tasks it began
        await _cancelled(asyncio.all_tasks() - {self._ending})
        for last in self._final_steps:
            await last()
        self._loop.stop()

    def _begin(
        self,
        run: Callable[[int], Coroutine[Any, Any, None]],
        callbacks: Mapping[str, Callable[[Any], object] | None],
        owner: QObject | None,
        drop: Callable[[], None] = lambda: None,
    ) -> Work:
        number = next(self._numbers)
        work = Work(self, number, run)
        work.callbacks = {kind: callback for kind, callback in callbacks.items() if callback is not None}
        self._works[number] = work
        if not self.post(partial(self._start, number, run, drop)):
            del self._works[number]
            drop()
        elif owner is not None:
            owner.destroyed.connect(work.cancel)
        return work

    def _start(
        self, number: int, run: Callable[[int], Coroutine[Any, Any, None]], drop: Callable[[], None]
    ) -> None:
        def ended(_: asyncio.Task[None]) -> None:
            del self._tasks[number]
            drop()  # the work may have been cancelled before its first step
            self._send(number, OVER, None)

        task = self._tasks[number] = self._loop.create_task(self._guarded(number, run))
        task.add_done_callback(ended)

    async def _guarded(self, number: int, run: Callable[[int], Coroutine[Any, Any, None]]) -> None:
        try:
            await run(number)
        except UserError as error:
            self._send(number, FAILED, error)
        except Exception as error:
            log.exception("work of the window failed unexpectedly")
            self._send(number, FAILED, UserError("An unexpected error occurred", "", repr(error)))

    def _cancel(self, number: int) -> None:
        task = self._tasks.get(number)
        if task is not None:
            task.cancel()

    def _send(self, number: int, kind: str, value: Any) -> None:
        with self._lock:
            self._inbox.append((number, kind, value))
            if self._announced:
                return
            self._announced = True
        self._woken.emit()

    # -- Qt's thread ----------------------------------------------------------------------------------------------

    def _deliver(self) -> None:
        end = time.monotonic() + BATCH_SECONDS
        more = True
        try:
            while time.monotonic() < end:
                with self._lock:
                    more = self._announced = bool(self._inbox)
                    if not more:
                        return
                    message = self._inbox.popleft()
                self._take(*message)
        finally:
            if more:  # also after a callback that raised
                QTimer.singleShot(0, self._deliver)

    def _take(self, number: int, kind: str, value: Any) -> None:
        work = self._works.get(number)
        if work is None:
            return
        if kind == OVER:
            work.active = False
            del self._works[number]
        elif kind in work.callbacks:
            work.callbacks[kind](value)
        elif kind == FAILED and work.active:
            log.warning("%s %s", value.message, value.detail)


async def _cancelled(tasks: Iterable[asyncio.Task[Any]]) -> None:
    tasks = list(tasks)
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=END_SECONDS)


class Batch(Generic[T]):
    """Items of one stream on their way to Qt: the asyncio thread calls :meth:`add`, Qt's thread :meth:`take`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: list[T] = []
        self._next = 0.0
        self._lock = threading.Lock()
        self._room = asyncio.Event()
        self._room.set()

    def add(self, item: T) -> bool:
        """Add an item; return whether it is the first, so that a delivery has to be scheduled."""
        with self._lock:
            self._items.append(item)
            if len(self._items) >= MAX_PENDING:
                self._room.clear()
            return len(self._items) == 1

    def pause(self) -> float:
        """Seconds until the next delivery: a stream has one for each frame of the screen."""
        now = self._loop.time()
        self._next = max(now, self._next + FRAME_SECONDS)
        return self._next - now

    async def room(self) -> None:
        """Wait until Qt has taken items, if there are too many."""
        await self._room.wait()

    def take(self) -> list[T]:
        """Return and remove all items."""
        with self._lock:
            items, self._items = self._items, []
        if len(items) >= MAX_PENDING:
            self._loop.call_soon_threadsafe(self._room.set)
        return items
