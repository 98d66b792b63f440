"""What the streams have in common that are fed by callbacks: bytes that wait, one reader, one writer."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import deque


class Waiter:
    """Lets one task at a time wait until it is woken."""

    def __init__(self) -> None:
        self._future: asyncio.Future[None] | None = None

    async def wait(self) -> None:
        """Return at the next :meth:`wake`; what it was for has to be looked at again."""
        self._future = asyncio.get_running_loop().create_future()
        try:
            await self._future
        finally:
            self._future = None

    def wake(self) -> None:
        """Wake the task that waits, if one does."""
        if self._future is not None and not self._future.done():
            self._future.set_result(None)


class BufferedStream(ABC):
    """Half of a :class:`vm.guest.stream.Stream`: the bytes that have come, and :meth:`read`.

    A subclass feeds it, and says when nothing more comes. At most one task reads and one writes at a time.
    """

    def __init__(self) -> None:
        self._chunks: deque[bytes] = deque()
        self._buffered = 0
        self._reader = Waiter()
        self._writer = Waiter()

    @property
    def buffered(self) -> int:
        """Bytes that have come and are not read yet."""
        return self._buffered

    async def read(self, limit: int) -> bytes:
        """Return what has come, up to ``limit`` bytes; ``b""`` once the peer has ended its direction.

        :raise OSError, vm.errors.LinkError: the stream was cut; each kind of stream says which
        """
        while not self._chunks:
            if self._at_end():
                return b""
            await self._reader.wait()
        data = self._chunks.popleft()
        if len(data) > limit:
            self._chunks.appendleft(data[limit:])
            data = data[:limit]
        self._buffered -= len(data)
        self._was_read(len(data))
        return data

    def _put(self, data: bytes) -> None:
        if data:
            self._chunks.append(data)
            self._buffered += len(data)
            self._reader.wake()

    def _throw_away(self) -> int:
        """Forget what has come; returns how many bytes that was."""
        size = self._buffered
        self._chunks.clear()
        self._buffered = 0
        return size

    def _wake_both(self) -> None:
        self._reader.wake()
        self._writer.wake()

    @abstractmethod
    def _at_end(self) -> bool:
        """Whether the peer has ended its direction, asked when nothing is buffered. :raise: the stream was cut."""

    @abstractmethod
    def _was_read(self, size: int) -> None:
        """The reader has taken ``size`` bytes: as many more may come."""
