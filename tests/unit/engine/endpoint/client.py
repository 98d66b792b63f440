"""A client of the endpoint, and a guest that answers it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from engine.endpoint import Endpoint
from tests.unit.carriers import MemoryStream

PING = b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n"
GUEST = "/run/docker.sock"


@asynccontextmanager
async def connected(endpoint: Endpoint) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_unix_connection(str(endpoint.path))
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


async def ask(endpoint: Endpoint, request: bytes = PING) -> bytes:
    """Send ``request``, read until the end."""
    async with connected(endpoint) as (reader, writer):
        writer.write(request)
        return await asyncio.wait_for(reader.read(), 20)


def message(answer: bytes) -> str:
    head, _, body = answer.partition(b"\r\n\r\n")
    assert f"Content-Length: {len(body)}".encode() in head
    text: str = json.loads(body)["message"]
    return text


async def hello(stream: MemoryStream) -> None:
    await stream.read(4096)
    await stream.write(b"hello from the guest")
    await stream.write_eof()
