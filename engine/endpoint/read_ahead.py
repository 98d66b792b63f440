"""What the engine has sent and its client has not taken yet.

dockerd ends what nobody takes in time: the log of a container that has exited, ten seconds later. On one computer
the engine's socket is emptied as fast as the client can; here the machine is in between, which may be emulated. So
the guest is read ahead of a client that is slower, from a budget that all connections share.
"""

from __future__ import annotations

import asyncio
from collections import deque

OWN = 256 * 1024
"""Bytes that each connection may read ahead, whatever the others do."""


class Budget:
    """Bytes that all connections together may read ahead, beyond what each one has of its own."""

    def __init__(self, size: int) -> None:
        self.left = size


class ReadAhead:
    """A queue of pieces between the task that reads the guest and the one that writes to the client."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._borrowed = 0
        self._pieces: deque[bytes] = deque()
        self._size = 0
        self._ended = False
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()

    async def put(self, piece: bytes) -> None:
        """Add a piece; returns when there is room for the next one."""
        self._pieces.append(piece)
        self._size += len(piece)
        self._filled.set()
        while not self._settle():
            self._emptied.clear()
            await self._emptied.wait()

    def end(self) -> None:
        """Nothing more comes."""
        self._ended = True
        self._filled.set()

    async def get(self) -> bytes:
        """The next piece; ``b""`` after the last one."""
        while not self._pieces:
            if self._ended:
                return b""
            self._filled.clear()
            await self._filled.wait()
        piece = self._pieces.popleft()
        self._size -= len(piece)
        self._settle()
        self._emptied.set()
        return piece

    def close(self) -> None:
        """Give back what was borrowed; what has not been taken is dropped. Idempotent."""
        self._pieces.clear()
        self._size = 0
        self._settle()

    def _settle(self) -> bool:
        """Borrow, or give back, for what there is now. False: the budget is used up."""
        more = max(0, self._size - OWN) - self._borrowed
        if more > self._budget.left:
            return False
        self._budget.left -= more
        self._borrowed += more
        return True
