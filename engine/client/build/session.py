"""What BuildKit asks back while it builds: a gRPC server on a connection of the client's (``POST /session``).

Without one BuildKit pulls from no registry that asks who is there, Docker Hub's anonymous pulls included. Two
services are answered: ``moby.filesync.v1.Auth/Credentials`` (moby/buildkit, session/auth/auth.proto) and gRPC's
health check. The engine is HTTP/2's client here, and we its server.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress

from engine.client.build.grpc import OK, UNIMPLEMENTED, UNKNOWN, Answer, Server
from engine.client.build.wire import field, fields
from engine.client.progress import Lookup
from engine.client.transport import Transport
from vm.errors import UserError

HEALTH = "/grpc.health.v1.Health/Check"
CREDENTIALS = "/moby.filesync.v1.Auth/Credentials"
SERVING = field(1, 1)


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
        serving = asyncio.create_task(Server(stream, answers(lookup)).serve())
        try:
            yield key
        finally:
            serving.cancel()
            with suppress(asyncio.CancelledError):
                await serving


def answers(lookup: Lookup) -> Answer:
    """What BuildKit asks, and what it is told."""

    async def answer(path: str, message: bytes) -> tuple[int, Iterable[bytes]]:
        if path == HEALTH:
            return OK, [SERVING]
        if path != CREDENTIALS:
            return UNIMPLEMENTED, []
        registry = next((value.decode() for _, value in fields(message) if isinstance(value, bytes)), "")
        try:
            found = await lookup(registry)
        except UserError as error:
            return UNKNOWN, [error.message.encode()]
        if found.get("identitytoken"):
            return OK, [field(2, found["identitytoken"])]
        return OK, [field(1, found.get("username", "")) + field(2, found.get("password", ""))]

    return answer
