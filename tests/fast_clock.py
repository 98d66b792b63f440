"""An event loop that skips waits: when nothing happens for a moment, its clock jumps to the next timer.

For tests of time limits and retries whose other side is in the same process or on a local socket. Anything slower
than ``IDLE_SECONDS`` (a program that starts, a thread that computes) would see its time limit pass at once.
"""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

IDLE_SECONDS = 0.02
"""Real seconds without any event after which nothing more is expected before the next timer."""


class SkippingSelector(selectors.BaseSelector):
    """Waits for events at most a moment; what it does not wait is added to ``skipped``, in seconds."""

    def __init__(self) -> None:
        self._real = selectors.DefaultSelector()
        self.skipped = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= IDLE_SECONDS:
            return self._real.select(timeout)
        events = self._real.select(IDLE_SECONDS)
        if not events:
            self.skipped += timeout - IDLE_SECONDS
        return events

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.register(fileobj, events, data)

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._real.unregister(fileobj)

    def modify(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        return self._real.modify(fileobj, events, data)

    def get_map(self) -> Any:
        return self._real.get_map()

    def close(self) -> None:
        self._real.close()


class FastClockLoop(asyncio.SelectorEventLoop):
    """asyncio's loop on a clock that skips idle time; ``time()`` includes the skipped seconds."""

    def __init__(self) -> None:
        self._waits = SkippingSelector()
        super().__init__(self._waits)

    def time(self) -> float:
        return super().time() + self._waits.skipped
