"""The host's end of the machine's name server: queries come in by a stream, answers go back in any order.

Each message has its length before it in two bytes (RFC 7766, 8). The other end is vm/image/native/dns_proxy.c,
which does without us while we are away.
"""

from __future__ import annotations

import asyncio
import logging
import struct

from vm.errors import LinkError
from vm.guest.link_task import LinkTask
from vm.guest.stream import Carrier, Stream
from vm.host.names import Resolver

log = logging.getLogger(__name__)

SOCKET = "/run/slipway/names.sock"
"""Where the guest's name server waits for its host."""

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds between attempts to be heard while the guest's name server is not up."""

PIECE = 64 * 1024


class Names(LinkTask[Carrier]):
    """Answers one machine's queries for as long as there is a link into it."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver

    async def close(self) -> None:
        """Answer no more. Idempotent."""
        await super().close()
        self._resolver.close()

    async def work(self, link: Carrier, /) -> None:
        pause = FIRST_PAUSE
        while True:
            try:
                stream = await link.open_unix(SOCKET)
                pause = FIRST_PAUSE
                try:
                    await self._converse(stream)
                finally:
                    await stream.close()
            except LinkError as error:
                log.info("the machine's name server cannot be reached: %s", error.message)
            await asyncio.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    async def _converse(self, stream: Stream) -> None:
        """Answer until the stream ends or is cut."""
        received = bytearray()
        sending = asyncio.Lock()
        async with asyncio.TaskGroup() as group:
            while data := await _read(stream):
                received += data
                while len(received) >= 2 and len(received) >= (end := 2 + struct.unpack_from(">H", received)[0]):
                    query = bytes(received[2:end])
                    del received[:end]
                    group.create_task(self._answer(stream, sending, query))

    async def _answer(self, stream: Stream, sending: asyncio.Lock, query: bytes) -> None:
        answer = await self._resolver.answer(query)
        if answer is None:
            return
        try:
            async with sending:  # one writer at a time
                await stream.write(struct.pack(">H", len(answer)) + answer)
        except LinkError as error:
            log.debug("an answer came too late: %s", error.message)


async def _read(stream: Stream) -> bytes:
    """The next bytes; none at the stream's end, however it came."""
    try:
        return await stream.read(PIECE)
    except LinkError as error:
        log.info("the stream of the machine's name server was cut: %s", error.message)
        return b""
