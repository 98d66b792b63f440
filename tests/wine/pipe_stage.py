"""An endpoint with a scripted engine behind it, for the cases of pipes and for the benchmark."""

from __future__ import annotations

import asyncio
import hashlib
import os
import threading
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from engine.endpoint import Endpoint
from engine.endpoint.admission import Admission
from tests.unit.carriers import MemoryCarrier, MemoryStream
from tests.wine.pipe_socket import PipeSocket
from vm.errors import LinkError
from vm.host import new_event_loop

T = TypeVar("T")

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK"
PING = b"GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n"
UPGRADE = (
    b"POST /exec/1/start HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: %s\r\n"
    b"Content-Length: 0\r\n\r\n"
)
SWITCHED = b"HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n"
PIECE = 65536


class ScriptedEngine:
    """Answers as dockerd does, one request after the other on each connection.

    :ivar ends: how many connections have ended their direction after an upgrade.
    :ivar open: connections now.    :ivar sent: bytes of ``GET /much``.    :ivar received: bytes of bodies.
    :ivar pings: requests of ``GET /_ping``.
    """

    def __init__(self) -> None:
        self.ends = self.open = self.sent = self.received = self.pings = 0

    async def serve(self, stream: MemoryStream) -> None:
        self.open += 1
        try:
            data = b""
            while True:
                while b"\r\n\r\n" not in data:
                    piece = await stream.read(PIECE)
                    if not piece:
                        await stream.write_eof()
                        return
                    data += piece
                head, _, data = data.partition(b"\r\n\r\n")
                if b"Upgrade:" in head:
                    await self._upgraded(stream, head, data)
                    return
                data = await self._answer(stream, head, data)
        finally:
            self.open -= 1

    async def _answer(self, stream: MemoryStream, head: bytes, data: bytes) -> bytes:
        """Answer one request; what came behind it."""
        target, fields = head.split()[1], head.lower().split(b"\r\n")
        length = next((int(field.split(b":")[1]) for field in fields if field.startswith(b"content-length:")), 0)
        if target.startswith(b"/much?"):
            await self._much(stream, int(target.partition(b"?")[2]))
            return data
        self.pings += target == b"/_ping"
        digest = hashlib.sha256(data[:length])
        self.received += len(data[:length])
        left, data = length - len(data[:length]), data[length:]
        while left:
            piece = await stream.read(min(left, PIECE))
            if not piece:
                break
            digest.update(piece)
            left -= len(piece)
            self.received += len(piece)
        text = digest.hexdigest().encode()
        await stream.write(OK if not length else b"HTTP/1.1 200 OK\r\nContent-Length: 64\r\n\r\n" + text)
        return data

    async def _much(self, stream: MemoryStream, size: int) -> None:
        await stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while size:
            piece = PATTERN[: min(size, len(PATTERN))]
            await stream.write(piece)
            size -= len(piece)
            self.sent += len(piece)

    async def _upgraded(self, stream: MemoryStream, head: bytes, data: bytes) -> None:
        """Send back what comes, and go on after the client's end."""
        protocol = head.lower().partition(b"upgrade: ")[2].split(b"\r\n")[0]
        await stream.write(SWITCHED % protocol + data)
        while data := await stream.read(PIECE):
            await stream.write(data)
        self.ends += 1
        await stream.write(b"AFTER")
        await stream.write_eof()


PATTERN = bytes(range(256)) * 1024


async def _inspect(name: str) -> Any:
    raise AssertionError(f"nothing is asked about {name}")


async def _discard(identity: str) -> None:
    raise AssertionError(f"{identity} is not removed")


class _Severed:
    """An end of a stream whose closing ends both directions, as that of a stream over the link does."""

    def __init__(self, inner: MemoryStream, closed: list[MemoryStream]) -> None:
        self._inner, self._closed = inner, closed
        self.read, self.write, self.write_eof = inner.read, inner.write, inner.write_eof

    async def close(self) -> None:
        self._closed.append(self._inner)
        await self._inner.close()
        await self._inner.peer.break_off(LinkError("closed on the other side"))


class _Route:
    """To the scripted engine. :ivar opened: how many streams there were.    :ivar closed: those closed."""

    name = "the scripted engine"
    admitted = True

    def __init__(self, engine: ScriptedEngine) -> None:
        self._carrier = MemoryCarrier(engine.serve)
        self.opened, self.closed = 0, list[MemoryStream]()

    async def open(self) -> _Severed:
        self.opened += 1
        return _Severed(await self._carrier.open_unix(""), self.closed)

    async def emulated(self) -> None:
        raise AssertionError("nothing is pulled")


class Stage:
    """One endpoint in an event loop of its own thread; a context manager. :ivar path: by default a pipe's."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or Path(rf"\\.\pipe\slipway_case_{os.getpid()}_{time.monotonic_ns()}")
        self.engine = ScriptedEngine()
        self.route = _Route(self.engine)
        self.loop = new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, name="server")
        self.endpoint = self.do(self._open())

    async def _open(self) -> Endpoint:
        endpoint = Endpoint(self.path, admission=Admission([], _inspect, _discard))
        await endpoint.start()
        endpoint.open_gate(self.route)
        return endpoint

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        """Run it in the server's loop."""
        if not self._thread.is_alive():
            self._thread.start()
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(60)

    def client(self, seconds: float = 60.0) -> PipeSocket:
        return PipeSocket(self.path, seconds)

    def ping(self) -> None:
        with self.client() as client:
            client.sendall(PING)
            assert exactly(client, len(OK)) == OK

    def upgraded(self, protocol: bytes = b"tcp") -> PipeSocket:
        client = self.client()
        client.sendall(UPGRADE % protocol)
        wanted = SWITCHED % protocol
        assert exactly(client, len(wanted)) == wanted
        return client

    def is_clean(self) -> bool:
        """Whether no connection is left, and the engine's end of each was closed once."""
        route = self.route
        left = self.endpoint.connections, self.engine.open
        return left == (0, 0) and len(route.closed) == len(set(map(id, route.closed))) == route.opened

    @property
    def connections(self) -> int:
        return self.endpoint.connections

    def __enter__(self) -> Stage:
        return self

    def __exit__(self, *_: object) -> None:
        self.do(self.endpoint.close())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join()
        self.loop.close()


def exactly(client: PipeSocket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        piece = client.recv(size - len(data))
        assert piece, f"the stream ended ({client.ended}) after {data[:200]!r}"
        data += piece
    return data


def rest(client: PipeSocket) -> bytes:
    data = bytearray()
    while piece := client.recv(PIECE):
        data += piece
    return bytes(data)
