"""What BuildKit asks back while it builds: a gRPC server on a connection of the client's (``POST /session``).

Without one BuildKit pulls from no registry that asks who is there, Docker Hub's anonymous pulls included. Two
services are answered: ``moby.filesync.v1.Auth/Credentials`` (moby/buildkit, session/auth/auth.proto) and gRPC's
health check. The engine is HTTP/2's client here, and we its server; gRPC's framing is in the gRPC project's
“gRPC over HTTP2”.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import quote

import h2.config
import h2.connection
import h2.events
import h2.exceptions

from engine.client.build.wire import field, fields
from engine.client.progress import Lookup
from engine.client.streams import Duplex
from engine.client.transport import Transport
from vm.errors import UserError

HEALTH = "/grpc.health.v1.Health/Check"
CREDENTIALS = "/moby.filesync.v1.Auth/Credentials"
SERVING = field(1, 1)

OK, UNKNOWN, UNIMPLEMENTED = 0, 2, 12
"""gRPC's status codes."""

PREFIX = 5
"""Bytes before each message: whether it is compressed, and its length (big endian)."""


@asynccontextmanager
async def session(transport: Transport, lookup: Lookup) -> AsyncIterator[str]:
    """A session that is answered until the end of the block; its ID is for the build.

    :raise EngineError: the engine takes none.
    """
    key = uuid.uuid4().hex
    about = [
        ("X-Docker-Expose-Session-Uuid", key),
        ("X-Docker-Expose-Session-Name", "slipway"),
        ("X-Docker-Expose-Session-Sharedkey", ""),
        ("X-Docker-Expose-Session-Grpc-Method", HEALTH),
        ("X-Docker-Expose-Session-Grpc-Method", CREDENTIALS),
    ]
    async with await transport.upgrade("/session", protocol="h2c", headers=about) as stream:
        serving = asyncio.create_task(Server(stream, lookup).serve())
        try:
            yield key
        finally:
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving


class Server:
    """Answers calls of one message each."""

    def __init__(self, stream: Duplex, lookup: Lookup) -> None:
        self._stream = stream
        self._lookup = lookup
        config = h2.config.H2Configuration(client_side=False)
        self._http = h2.connection.H2Connection(config)
        self._calls: dict[int, tuple[str, bytearray]] = {}

    async def serve(self) -> None:
        """Answer until the engine ends the session."""
        try:
            self._http.initiate_connection()
            await self._send()
            async for chunk in self._stream.chunks():
                for event in self._http.receive_data(chunk):
                    await self._take(event)
                await self._send()
        except (UserError, h2.exceptions.H2Error):
            return  # the session broke; the build reports what that means for it

    async def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RequestReceived) and event.stream_id is not None:
            wanted = dict(event.headers or ()).get(b":path", b"")
            self._calls[event.stream_id] = (wanted.decode(), bytearray())
        elif isinstance(event, h2.events.DataReceived) and event.stream_id in self._calls:
            self._calls[event.stream_id][1].extend(event.data or b"")
            self._http.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id)
        elif isinstance(event, h2.events.StreamReset) and event.stream_id is not None:
            self._calls.pop(event.stream_id, None)
        elif isinstance(event, h2.events.StreamEnded) and event.stream_id in self._calls:
            path, data = self._calls.pop(event.stream_id)
            self._answer(event.stream_id, *await self._call(path, bytes(data[PREFIX:])))

    async def _call(self, path: str, message: bytes) -> tuple[int, bytes]:
        if path == HEALTH:
            return OK, SERVING
        if path != CREDENTIALS:
            return UNIMPLEMENTED, b""
        registry = next((value.decode() for _, value in fields(message) if isinstance(value, bytes)), "")
        try:
            found = await self._lookup(registry)
        except UserError as error:
            return UNKNOWN, error.message.encode()
        if found.get("identitytoken"):
            return OK, field(2, found["identitytoken"])
        return OK, field(1, found.get("username", "")) + field(2, found.get("password", ""))

    def _answer(self, number: int, status: int, message: bytes) -> None:
        trailers = [("grpc-status", f"{status}")]
        about = [(":status", "200"), ("content-type", "application/grpc")]
        if status != OK:
            reason = [("grpc-message", quote(message))] if message else []
            self._http.send_headers(number, about + trailers + reason, end_stream=True)
            return
        self._http.send_headers(number, about)
        self._http.send_data(number, b"\0" + len(message).to_bytes(PREFIX - 1, "big") + message)
        self._http.send_headers(number, trailers, end_stream=True)

    async def _send(self) -> None:
        data = self._http.data_to_send()
        if data:
            await self._stream.write(data)
