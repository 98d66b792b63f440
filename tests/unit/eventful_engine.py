"""An engine that answers a few requests, and sends events, as the test wants."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass
class EventfulEngine:
    """:ivar replies: what a path is answered with.    :ivar asked: heads of requests, but for the first one's."""

    replies: dict[str, object]
    asked: list[str] = field(default_factory=list)
    _events: asyncio.Queue[bytes | None] = field(default_factory=asyncio.Queue)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection's requests."""
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            if "/_ping" in head:
                writer.write(b"HTTP/1.1 200 OK\r\nApi-Version: 1.51\r\nContent-Length: 2\r\n\r\nOK")
                continue
            self.asked.append(head)
            if "/events" in head:
                assert "since=" in head
                await self._tell(reader, writer)
                return
            (answer,) = [value for path, value in self.replies.items() if path in head.split()[1]]
            body = json.dumps(answer).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    async def _tell(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        over = asyncio.create_task(reader.read())
        while (line := await self._next(over)) is not None:
            writer.write(b"%x\r\n%s\r\n" % (len(line), line))
        over.cancel()

    async def _next(self, over: asyncio.Task[bytes]) -> bytes | None:
        getting = asyncio.create_task(self._events.get())
        await asyncio.wait({getting, over}, return_when=asyncio.FIRST_COMPLETED)
        if not getting.done():
            getting.cancel()
            return None
        return getting.result()

    def tell(self, kind: str, action: str, attributes: Mapping[str, str]) -> None:
        """An event."""
        event = {"Type": kind, "Action": action, "Actor": {"ID": "n", "Attributes": attributes}}
        self._events.put_nowait(json.dumps(event).encode() + b"\n")

    def break_off(self) -> None:
        """No more events, as when the engine ends."""
        self._events.put_nowait(None)
