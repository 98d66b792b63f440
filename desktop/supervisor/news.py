"""A bell for those who watch the status: it rings when something has happened, and forgets nobody."""

from __future__ import annotations

import asyncio


class News:
    """What happens, without what it was; whoever listens looks for himself."""

    def __init__(self) -> None:
        self._bell = asyncio.Event()

    def ring(self) -> None:
        """Something has happened."""
        bell, self._bell = self._bell, asyncio.Event()
        bell.set()

    def listen(self) -> Listener:
        """Listen from now on: what happens before :meth:`Listener.wait` is not missed."""
        return Listener(self._bell)


class Listener:
    """One turn of listening."""

    def __init__(self, bell: asyncio.Event) -> None:
        self._bell = bell

    async def wait(self, seconds: float) -> bool:
        """Wait for the bell, up to ``seconds``; tells whether it rang."""
        try:
            async with asyncio.timeout(seconds):
                await self._bell.wait()
        except TimeoutError:
            return False
        return True
