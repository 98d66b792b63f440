"""Change notification for status watchers: it says that something has changed, not what."""

from __future__ import annotations

import asyncio


class Notifier:
    """Wakes every subscription at each :meth:`notify`. Belongs to one event loop."""

    def __init__(self) -> None:
        self._changed = asyncio.Event()

    def notify(self) -> None:
        """Something has changed."""
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def subscribe(self) -> Subscription:
        """Wait for the next change; one that comes before :meth:`Subscription.wait` is not missed."""
        return Subscription(self._changed)


class Subscription:
    """Good for one wait."""

    def __init__(self, changed: asyncio.Event) -> None:
        self._changed = changed

    async def wait(self, seconds: float) -> bool:
        """Wait for a change, at most ``seconds``; whether there was one."""
        try:
            async with asyncio.timeout(seconds):
                await self._changed.wait()
        except TimeoutError:
            return False
        return True
