"""A loop whose clock jumps to the next timer when nothing else is left to do: real waits take no time.

For code that waits by the loop's clock only; threads and other processes take their real time.
"""

from __future__ import annotations

import asyncio
import selectors
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class MockClockLoop(asyncio.SelectorEventLoop):
    """An asyncio loop with a clock of its own."""

    def __init__(self) -> None:
        self._selector_ahead = _JumpingSelector()
        super().__init__(self._selector_ahead)

    def time(self) -> float:
        return time.monotonic() + self._selector_ahead.ahead


class _JumpingSelector(selectors.DefaultSelector):
    """:ivar ahead: seconds that the loop's clock is ahead of the real one."""

    ahead = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0 if timeout is None or timeout > 0 else timeout)
        if not ready and timeout is None:
            return super().select(None)
        if not ready and timeout is not None and timeout > 0:
            self.ahead += timeout
        return ready


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run a test's coroutine on such a loop."""
    with asyncio.Runner(loop_factory=MockClockLoop) as runner:
        return runner.run(work)
