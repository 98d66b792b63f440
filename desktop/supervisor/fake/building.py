"""The stand-in engine's BuildKit: scripted steps of a build, reported as BuildKit reports them.

A Dockerfile with ``RUN false`` fails there, one with ``RUN sleep`` goes on until it is cancelled.
"""

from __future__ import annotations

import asyncio
import base64
import dataclasses
import io
import json
import tarfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass

from aiohttp import web

from desktop.supervisor.fake.streams import Received
from desktop.supervisor.fake.world import World
from engine.client.build.grpc import OK, UNKNOWN, Server
from engine.client.build.history import LISTEN, STATUS
from engine.client.build.wire import field, fields

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

STEP_SECONDS = 0.1


class Building:
    """Handlers of builds."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._builds: dict[str, Past] = {}
        self._built: set[str] = set()
        self._cancelled: dict[str, asyncio.Event] = {}

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of each call."""
        return [
            ("POST", "/session", self.session),
            ("POST", "/grpc", self.grpc),
            ("POST", "/build", self.build),
            ("POST", "/build/cancel", self.cancel),
        ]

    async def session(self, request: web.Request) -> web.StreamResponse:
        """Take the connection over, and ask nothing."""
        transport = request.transport
        assert transport is not None
        transport.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        request.protocol.set_parser(Silence())  # type: ignore[arg-type]  # any parser does; typed for WebSockets
        while not transport.is_closing():
            await asyncio.sleep(STEP_SECONDS)
        return web.Response()

    async def grpc(self, request: web.Request) -> web.StreamResponse:
        """BuildKit's own API: the history of builds."""
        transport = request.transport
        assert transport is not None
        received = Received()
        request.protocol.set_parser(received)  # type: ignore[arg-type]  # any parser does; typed for WebSockets
        transport.write(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n")
        await Server(Wire(received, transport), self._history).serve()
        return web.Response()

    async def _history(self, path: str, message: bytes) -> tuple[int, Iterable[bytes]]:
        if path == LISTEN:
            return OK, [field(1, 1) + field(2, build.record()) for build in self._builds.values()]
        ref = next((value.decode() for _, value in fields(message) if isinstance(value, bytes)), "")
        if path != STATUS or ref not in self._builds:
            return UNKNOWN, [b"no such build"]
        return OK, self._builds[ref].traces

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        self._cancelled.setdefault(request.query["id"], asyncio.Event()).set()
        return web.Response()

    async def build(self, request: web.Request) -> web.StreamResponse:
        with tarfile.open(fileobj=io.BytesIO(await request.read())) as tar:
            found = tar.extractfile(request.query.get("dockerfile") or "Dockerfile")
            text = found.read().decode() if found is not None else ""
        lines = [line for line in text.splitlines() if line.strip()]
        tags = request.query.getall("t", [])
        ref = request.query.get("buildid") or self.world.id()
        past = self._builds[f"ref-{ref}"] = Past(f"ref-{ref}", tags[0] if tags else "", time.time())
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for number, line in enumerate(lines, 1):
            name = f"[{number}/{len(lines)}] {line}"
            if not await self._step(request, response, name, line, past):
                past.ended = time.time()
                return response
        past.ended = time.time()
        item = self.world.add_image(*tags, size=9_000_000)
        self.world.tell("builder", "build", item["Id"])
        self.world.tell("image", "tag", item["Id"])
        await _line(response, id="moby.image.id", aux={"ID": item["Id"]})
        return response

    async def _step(
        self, request: web.Request, response: web.StreamResponse, name: str, line: str, past: Past
    ) -> bool:
        key, now = f"sha256:{name}", time.time()

        async def tell(trace: bytes) -> None:
            past.traces.append(trace)
            await _tell(response, trace)

        past.total += 1
        if line in self._built and request.query.get("nocache") != "1":
            past.cached += 1
            await tell(vertex(key, name, started=now, completed=now, cached=True))
            return True
        await tell(vertex(key, name, started=now))
        await tell(output(key, f"doing {line}\n"))
        if line == "RUN sleep":
            await self._cancelled.setdefault(request.query["buildid"], asyncio.Event()).wait()
            return False
        await asyncio.sleep(STEP_SECONDS)
        error = "process did not complete successfully: exit code: 1" if line == "RUN false" else ""
        await tell(vertex(key, name, started=now, completed=time.time(), error=error))
        if error:
            past.error = error
            await _line(response, error=error, errorDetail={"message": error})
            return False
        self._built.add(line)
        return True


@dataclass
class Past:
    """A build as BuildKit remembers it."""

    ref: str
    tag: str
    began: float
    ended: float = 0.0
    error: str = ""
    cached: int = 0
    total: int = 0
    traces: list[bytes] = dataclasses.field(default_factory=list)

    def record(self) -> bytes:
        """A ``BuildHistoryRecord``."""
        exporter = field(1, "moby") + field(2, field(1, "name") + field(2, f"docker.io/{self.tag}"))
        error = field(5, field(1, 2) + field(2, self.error)) if self.error else b""
        ended = field(7, _moment(self.ended)) if self.ended else b""
        counts = field(15, self.cached) + field(16, self.total)
        return field(1, self.ref) + field(4, exporter) + error + field(6, _moment(self.began)) + ended + counts


class Wire:
    """A connection that was taken over, as gRPC needs it."""

    def __init__(self, received: Received, transport: asyncio.WriteTransport) -> None:
        self._received, self._transport = received, transport

    async def chunks(self) -> AsyncIterator[bytes]:
        async for data in self._received:
            yield data

    async def write(self, data: bytes) -> None:
        self._transport.write(data)


class Silence:
    """What comes is not listened to, as aiohttp's parser interface wants it."""

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        return False, b""

    def feed_eof(self) -> None:
        """The other side has ended."""


def vertex(
    key: str, name: str, *, started: float, completed: float = 0.0, cached: bool = False, error: str = ""
) -> bytes:
    """A ``StatusResponse`` with one vertex."""
    moments = [field(number, _moment(when)) for number, when in ((5, started), (6, completed)) if when]
    parts = [field(1, key), field(3, name), field(4, int(cached)), *moments, field(7, error)]
    return field(1, b"".join(parts))


def output(key: str, text: str) -> bytes:
    """A ``StatusResponse`` with one piece of output."""
    return field(3, field(1, key) + field(2, _moment(time.time())) + field(3, 1) + field(4, text))


def _moment(when: float) -> bytes:
    return field(1, int(when)) + field(2, int(when % 1 * 1e9))


async def _tell(response: web.StreamResponse, trace: bytes) -> None:
    await _line(response, id="moby.buildkit.trace", aux=base64.b64encode(trace).decode())


async def _line(response: web.StreamResponse, **values: object) -> None:
    await response.write(json.dumps(values).encode() + b"\n")
