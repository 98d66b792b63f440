"""Carriers and links in memory: small buffers, exact half-close, and failures to order."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from vm.errors import LinkError
from vm.guest.stream import Completed

BUFFER = 64 * 1024


class MemoryStream:
    """One end of a pair; writes wait while the other end's buffer is full."""

    def __init__(self) -> None:
        self.peer: MemoryStream = self
        self.buffer = bytearray()
        self.eof = False
        self.cut: LinkError | None = None
        self.closed = False
        self.changed = asyncio.Condition()

    async def read(self, limit: int) -> bytes:
        async with self.changed:
            await self.changed.wait_for(lambda: self.buffer or self.eof or self.cut)
            if self.buffer:
                data = bytes(self.buffer[:limit])
                del self.buffer[:limit]
                self.changed.notify_all()
                return data
            if self.eof:
                return b""
            assert self.cut is not None
            raise self.cut

    async def write(self, data: bytes) -> None:
        peer = self.peer
        for start in range(0, len(data), BUFFER):
            async with peer.changed:
                await peer.changed.wait_for(lambda: len(peer.buffer) < BUFFER or self.cut)
                if self.cut is not None:
                    raise self.cut
                peer.buffer += data[start : start + BUFFER]
                peer.changed.notify_all()

    async def write_eof(self) -> None:
        async with self.peer.changed:
            self.peer.eof = True
            self.peer.changed.notify_all()

    async def close(self) -> None:
        if not self.closed:
            self.closed = True
            await self.break_off(LinkError("closed on this side"))
            if not self.peer.eof:
                await self.peer.break_off(LinkError("closed on the other side"))

    async def break_off(self, error: LinkError) -> None:
        """Cut this end: both its directions fail from now on."""
        self.cut = self.cut or error
        for end in (self, self.peer):
            async with end.changed:
                end.changed.notify_all()


def pair() -> tuple[MemoryStream, MemoryStream]:
    one, other = MemoryStream(), MemoryStream()
    one.peer, other.peer = other, one
    return one, other


Guest = Callable[[MemoryStream], Awaitable[None]]


class MemoryCarrier:
    """Opens streams to ``guest``, a coroutine that plays the server; ``refuse`` makes it fail."""

    def __init__(self, guest: Guest) -> None:
        self.guest = guest
        self.refuse: LinkError | None = None
        self.opened: list[str] = []
        self.attempts = 0
        self.streams: list[MemoryStream] = []
        self._tasks: set[asyncio.Task[None]] = set()

    async def open_unix(self, path: str) -> MemoryStream:
        self.attempts += 1
        await asyncio.sleep(0)
        if self.refuse is not None:
            raise self.refuse
        self.opened.append(path)
        ours, theirs = pair()
        self.streams.append(ours)
        task = asyncio.get_running_loop().create_task(self._play(theirs))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return ours

    async def open_tcp(self, address: str, port: int) -> MemoryStream:
        return await self.open_unix(f"{address} {port}")

    async def open_udp(self, address: str, port: int) -> MemoryStream:
        return await self.open_unix(f"udp {address} {port}")

    async def open_accept(self, path: str) -> MemoryStream:
        return await self.open_unix(path)

    async def open_exec(self, command: str) -> MemoryStream:
        return await self.open_unix(command)

    async def _play(self, stream: MemoryStream) -> None:
        try:
            await self.guest(stream)
        except LinkError:
            await stream.close()


Shell = Callable[[str, bytes], Completed]
"""Answers a command and its input."""


def succeed(command: str, input: bytes) -> Completed:
    """A shell whose commands all succeed and print nothing."""
    return Completed(0, b"", b"")


class MemoryLink(MemoryCarrier):
    """A link whose streams lead to ``guest`` and whose commands are run by ``shell``.

    :ivar commands: the commands that were run.
    """

    def __init__(self, guest: Guest, shell: Shell = succeed) -> None:
        super().__init__(guest)
        self.closed = asyncio.Event()
        self.failure: LinkError | None = None
        self.commands: list[str] = []
        self._shell = shell

    async def run(self, command: str, *, input: bytes = b"", timeout: float) -> Completed:
        self.commands.append(command)
        return self._shell(command, input)

    async def ping(self, timeout: float) -> None:
        if self.closed.is_set():
            raise LinkError("the link is closed")

    async def close(self) -> None:
        self.closed.set()


async def refuse(stream: MemoryStream) -> None:
    """A guest that hangs up on whoever connects."""
    await stream.close()


async def echo(stream: MemoryStream) -> None:
    """A guest that says back what it hears, and ends when the client ends."""
    while data := await stream.read(65536):
        await stream.write(data)
    await stream.write_eof()
