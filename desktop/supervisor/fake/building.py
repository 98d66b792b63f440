"""The stand-in engine's BuildKit: scripted steps of a build, reported as BuildKit reports them.

A Dockerfile with ``RUN false`` fails there, one with ``RUN sleep`` goes on until it is cancelled.
"""

from __future__ import annotations

import asyncio
import base64
import io
import json
import tarfile
import time
from collections.abc import Awaitable, Callable

from aiohttp import web

from desktop.supervisor.fake.world import World
from engine.client.build.wire import field

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

STEP_SECONDS = 0.1


class Building:
    """Handlers of builds."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._built: set[str] = set()
        self._cancelled: dict[str, asyncio.Event] = {}

    def routes(self) -> list[tuple[str, str, Handler]]:
        """Method, path and handler of each call."""
        return [
            ("POST", "/session", self.session),
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

    async def cancel(self, request: web.Request) -> web.StreamResponse:
        self._cancelled.setdefault(request.query["id"], asyncio.Event()).set()
        return web.Response()

    async def build(self, request: web.Request) -> web.StreamResponse:
        with tarfile.open(fileobj=io.BytesIO(await request.read())) as tar:
            found = tar.extractfile(request.query.get("dockerfile") or "Dockerfile")
            text = found.read().decode() if found is not None else ""
        lines = [line for line in text.splitlines() if line.strip()]
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for number, line in enumerate(lines, 1):
            name = f"[{number}/{len(lines)}] {line}"
            if not await self._step(request, response, name, line):
                return response
        tags = request.query.getall("t", [])
        item = self.world.add_image(*tags, size=9_000_000)
        self.world.tell("builder", "build", item["Id"])
        self.world.tell("image", "tag", item["Id"])
        await _line(response, id="moby.image.id", aux={"ID": item["Id"]})
        return response

    async def _step(self, request: web.Request, response: web.StreamResponse, name: str, line: str) -> bool:
        key, now = f"sha256:{name}", time.time()
        if line in self._built and request.query.get("nocache") != "1":
            await _tell(response, vertex(key, name, started=now, completed=now, cached=True))
            return True
        await _tell(response, vertex(key, name, started=now))
        await _tell(response, output(key, f"doing {line}\n"))
        if line == "RUN sleep":
            await self._cancelled.setdefault(request.query["buildid"], asyncio.Event()).wait()
            return False
        await asyncio.sleep(STEP_SECONDS)
        error = "process did not complete successfully: exit code: 1" if line == "RUN false" else ""
        await _tell(response, vertex(key, name, started=now, completed=time.time(), error=error))
        if error:
            await _line(response, error=error, errorDetail={"message": error})
            return False
        self._built.add(line)
        return True


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
