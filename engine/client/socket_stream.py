"""A connected socket, or a pipe, as a stream: what asyncio's reader and writer do, with this project's errors."""

from __future__ import annotations

import asyncio

from vm.errors import LinkError

FLUSH_SECONDS = 1.0


class SocketStream:
    """See :class:`vm.guest.stream.Stream`. :ivar ended: whether the peer has ended its direction, read or not."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @property
    def ended(self) -> bool:
        return self._reader.at_eof()

    async def read(self, limit: int) -> bytes:
        try:
            return await self._reader.read(limit)
        except OSError as error:
            raise _cut(error) from error

    async def write(self, data: bytes) -> None:
        try:
            self._writer.write(data)
            await self._writer.drain()
        except OSError as error:
            raise _cut(error) from error

    async def write_eof(self) -> None:
        try:
            if self._writer.can_write_eof():
                self._writer.write_eof()
                await self._writer.drain()
        except OSError as error:
            raise _cut(error) from error

    async def close(self) -> None:
        await close_writer(self._writer)


async def close_writer(writer: asyncio.StreamWriter) -> None:
    """Close a connection: what has been written gets a moment to leave. Never raises."""
    writer.close()
    try:
        async with asyncio.timeout(FLUSH_SECONDS):
            await writer.wait_closed()
    except TimeoutError:  # the other side does not read
        writer.transport.abort()
    except asyncio.CancelledError:
        writer.transport.abort()
        raise
    except OSError:  # the other side was first
        return


def _cut(error: OSError) -> LinkError:
    return LinkError("The connection broke", detail=str(error))
