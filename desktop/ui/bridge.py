"""The one place where asyncio meets Qt.

The asyncio loop runs in a thread of its own; work begun on Qt's side runs there, and its results come back into
Qt's event loop in order. Results are handed over in batches with a time limit, so that a flood (a log at 10,000
lines a second) never keeps the window from painting, and a flood that is not taken makes its source wait.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import aclosing
from typing import Any, Generic, TypeVar, cast

from PySide6.QtCore import QObject, Qt, QTimer, Signal

from vm.errors import UserError

log = logging.getLogger(__name__)

T = TypeVar("T")

BATCH_SECONDS = 0.006
"""Longest turn of handing over before Qt gets its own again."""

FRAME_SECONDS = 1 / 60

SWITCH_SECONDS = 0.0005
"""How soon Qt's thread gets Python's lock from a busy asyncio thread: each call of Qt's needs it anew."""

MOST_WAITING = 5000
"""Items of one stream that may wait for Qt before its source has to."""

END_SECONDS = 5.0

Failed = Callable[[UserError], object]


class Work:
    """Something under way in the asyncio thread. After :meth:`cancel` none of its callbacks is called."""

    def __init__(self, bridge: Bridge) -> None:
        self._bridge = bridge
        self._task: asyncio.Task[None] | None = None
        self.active = True

    def cancel(self) -> None:
        """End it; harmless when it has ended."""
        if self.active:
            self.active = False
            self._bridge.post(self._cancel)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()


class Bridge(QObject):
    """Owns the asyncio thread. All public methods are for Qt's thread."""

    _woken = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._inbox: deque[Callable[[], None]] = deque()
        self._lasts: list[Callable[[], Coroutine[Any, Any, object]]] = []
        self._announced = False
        self._lock = threading.Lock()
        self._woken.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._loop = asyncio.new_event_loop()
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
        """Run a coroutine; ``done`` gets its result, ``failed`` its error, both in Qt's thread.

        :param owner: the work is cancelled when this object is destroyed.
        """

        async def run(handle: Work) -> None:
            result = await work
            if done is not None:
                self._hand_over(handle, lambda: done(result))

        return self._begin(run, failed, owner, work.close)

    def follow(
        self,
        items: Callable[[], AsyncIterator[T]],
        each: Callable[[list[T]], object],
        done: Callable[[], object] | None = None,
        failed: Failed | None = None,
        *,
        owner: QObject | None = None,
    ) -> Work:
        """Iterate in the asyncio thread; ``each`` gets what has come since its last call, in Qt's thread."""

        async def run(handle: Work) -> None:
            batch = Batch[T](self._loop)

            def give() -> None:
                found = batch.take()
                if found:
                    each(found)

            def pass_on() -> None:
                self._hand_over(handle, give)

            try:
                async with aclosing(cast(Any, items())) as source:
                    async for item in source:
                        if batch.add(item):
                            self._loop.call_later(batch.pause(), pass_on)
                        await batch.room()
            finally:
                pass_on()
            if done is not None:
                self._hand_over(handle, done)

        return self._begin(run, failed, owner)

    def post(self, callback: Callable[[], None]) -> bool:
        """Call something in the asyncio thread; False when that has ended."""
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:  # the loop is closed
            return False
        return True

    def at_end(self, last: Callable[[], Coroutine[Any, Any, object]]) -> None:
        """Have something done in the asyncio thread when all work has ended."""
        self._lasts.append(last)

    def close(self) -> None:
        """Cancel everything and end the thread."""
        self.post(self._end)
        self._thread.join(END_SECONDS)
        self._inbox.clear()

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
        own = asyncio.current_task()
        tasks = [task for task in asyncio.all_tasks() if task is not own]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=END_SECONDS)
        for last in self._lasts:
            await last()
        self._loop.stop()

    def _begin(
        self,
        run: Callable[[Work], Coroutine[Any, Any, None]],
        failed: Failed | None,
        owner: QObject | None,
        drop: Callable[[], None] = lambda: None,
    ) -> Work:
        handle = Work(self)

        async def guarded() -> None:
            try:
                await run(handle)
            except UserError as error:
                self._fail(handle, failed, error)
            except Exception as error:
                log.exception("work of the window failed in an unforeseen way")
                self._fail(handle, failed, UserError("Something unforeseen went wrong", "", repr(error)))

        def start() -> None:
            if not handle.active:
                drop()
                return
            handle._task = self._loop.create_task(guarded())
            handle._task.add_done_callback(lambda _: drop())  # it may have been cancelled before its first step

        if not self.post(start):
            drop()
        if owner is not None:
            owner.destroyed.connect(handle.cancel)
        return handle

    def _fail(self, handle: Work, failed: Failed | None, error: UserError) -> None:
        if failed is not None:
            self._hand_over(handle, lambda: failed(error))
        else:
            log.warning("%s %s", error.message, error.detail)

    def _hand_over(self, handle: Work, callback: Callable[[], object]) -> None:
        def call() -> None:
            if handle.active:
                callback()

        with self._lock:
            self._inbox.append(call)
            if self._announced:
                return
            self._announced = True
        self._woken.emit()

    # -- Qt's thread ----------------------------------------------------------------------------------------------

    def _deliver(self) -> None:
        end = time.monotonic() + BATCH_SECONDS
        while time.monotonic() < end:
            with self._lock:
                if not self._inbox:
                    self._announced = False
                    return
                callback = self._inbox.popleft()
            callback()
        QTimer.singleShot(0, self._deliver)


class Batch(Generic[T]):
    """Items of one stream on their way to Qt; :meth:`add` is for the asyncio thread, :meth:`take` for Qt's."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._items: list[T] = []
        self._next = 0.0
        self._lock = threading.Lock()
        self._room = asyncio.Event()
        self._room.set()

    def add(self, item: T) -> bool:
        """Put an item in; tells whether it is the first, so that a hand-over has to be announced."""
        with self._lock:
            self._items.append(item)
            if len(self._items) >= MOST_WAITING:
                self._room.clear()
            return len(self._items) == 1

    def pause(self) -> float:
        """Seconds until the next hand-over may be: a stream has one for each frame that could be painted."""
        now = self._loop.time()
        self._next = max(now, self._next + FRAME_SECONDS)
        return self._next - now

    async def room(self) -> None:
        """Wait until Qt has taken what is too much."""
        await self._room.wait()

    def take(self) -> list[T]:
        """All that has come."""
        with self._lock:
            items, self._items = self._items, []
        if len(items) >= MOST_WAITING:
            self._loop.call_soon_threadsafe(self._room.set)
        return items
