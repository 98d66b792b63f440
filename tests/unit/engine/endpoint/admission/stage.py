"""A client connected through an endpoint with one step of admission, and a guest that answers."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field

from engine.endpoint import Endpoint
from engine.endpoint.admission import Step
from engine.endpoint.admission.documents import JsonObject
from tests.unit.carriers import MemoryStream
from vm.errors import EngineError

CREATE = b"POST /v1.51/containers/create?name=x HTTP/1.1\r\nHost: d\r\n"
START = b"POST /v1.51/containers/web/start HTTP/1.1\r\nHost: d\r\nContent-Length: 0\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
PING = b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"
BAD = b'{"Image": "bad"}'
OLD = b'{"Image": "old"}'
FINE = b'{"Image": "fine"}'


def sized(head: bytes, body: bytes) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % len(body) + body


def chunked(head: bytes, *pieces: bytes) -> bytes:
    chunks = b"".join(b"%x;note=1\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece)
    return head + b"Transfer-Encoding: chunked\r\n\r\n" + chunks + b"0\r\nTrailer: x\r\n\r\n"


@dataclass
class Check(Step):
    """Notes what it is given; refuses the image “bad”, and makes “old” into “brand new”."""

    created: list[JsonObject] = field(default_factory=list)
    started: list[tuple[JsonObject, asyncio.Future[None]]] = field(default_factory=list)
    copied: list[JsonObject] = field(default_factory=list)
    error: Exception | None = None
    waits: bool = False

    async def create_container(self, body: JsonObject) -> None:
        self.created.append(dict(body))
        await self._trouble()
        if body.get("Image") == "bad":
            raise EngineError("This is bad", "Do better.")
        if body.get("Image") == "old":
            body["Image"] = "brand new"

    async def start(self, container: JsonObject, over: asyncio.Future[None]) -> None:
        self.started.append((container, over))
        await self._trouble()

    async def copy_files(self, container: JsonObject) -> None:
        self.copied.append(container)
        await self._trouble()

    async def _trouble(self) -> None:
        await asyncio.sleep(0)
        while self.waits:
            await asyncio.sleep(0.01)
        if self.error is not None:
            raise self.error


async def inspect(name: str) -> JsonObject:
    return {"Name": name}


async def discard(identity: str) -> None:
    raise AssertionError("nothing is removed here")


@dataclass
class Guest:
    """Answers each request, as far as it can tell them apart, and remembers all bytes.

    :ivar answer: to each
    :ivar upgrades: after the first one it sends back what it gets
    """

    got: bytearray = field(default_factory=bytearray)
    answer: bytes = OK
    upgrades: bool = False

    async def __call__(self, stream: MemoryStream) -> None:
        begun = bytearray()
        while data := await stream.read(1 << 20):
            self.got += data
            begun += data
            while (size := self._size(begun)) is not None and len(begun) >= size:
                del begun[:size]
                await stream.write(self.answer)
                if self.upgrades:
                    await stream.write(bytes(begun))
                    while echo := await stream.read(1 << 20):
                        self.got += echo
                        await stream.write(echo)
                    begun.clear()
        await stream.write_eof()

    @staticmethod
    def _size(data: bytearray) -> int | None:
        """Of the first request; it has no chunks in it that look like an end."""
        head, end, _ = bytes(data).partition(b"\r\n\r\n")
        if not end:
            return None
        if b"chunked" in head:
            last = data.find(b"0\r\n", len(head))
            tail = data.find(b"\r\n\r\n", last) if last >= 0 else -1
            return tail + 4 if tail >= 0 else None
        sizes = [
            line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")
        ]
        return len(head) + 4 + (int(sizes[0]) if sizes else 0)


@dataclass
class Stage:
    """A client connected through an endpoint with one step of admission."""

    endpoint: Endpoint
    check: Check
    guest: Guest
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, request: bytes) -> bytes:
        """Send it, and read one answer with a body of known length."""
        self.writer.write(request)
        return await self.answer()

    async def answer(self) -> bytes:
        head = await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 10)
        size = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        return head + await self.reader.readexactly(size)

    async def end(self) -> bytes:
        """End the client's direction; all that has come to the guest."""
        self.writer.write_eof()
        await asyncio.wait_for(self.reader.read(), 10)
        return bytes(self.guest.got)


def message(answer: bytes) -> str:
    text: str = json.loads(answer.partition(b"\r\n\r\n")[2])["message"]
    return text
