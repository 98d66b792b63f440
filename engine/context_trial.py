"""Whether an engine answers at a Docker address: it is really asked, for a moment."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import urlsplit

from vm.errors import HostError
from vm.host import host
from vm.host.docker_address import is_read_by_docker

PATIENCE = 2.0
"""Seconds an engine has for its answer; a healthy one needs milliseconds."""

PING = b"GET /_ping HTTP/1.0\r\nHost: docker\r\n\r\n"


async def answers(address: str) -> bool:
    """Ask the engine at ``address`` (``unix://``, ``npipe://``, ``tcp://``) for a sign of life.

    It is read as docker reads it: one without a scheme is TCP's, one that it cannot read leads nowhere. A TCP
    address may want TLS, so a connection is enough there. Other schemes (``ssh://``) cannot be tried without side
    effects and count as working.
    """
    if not address or not is_read_by_docker(address):
        return False
    scheme, _, rest = address.partition("://") if "://" in address else ("tcp", "", address)
    try:
        async with asyncio.timeout(PATIENCE):
            if scheme == "tcp":
                return await _connects(rest)
            if scheme in ("unix", "npipe"):
                return await _pings(Path(rest))
    except (OSError, ValueError, TimeoutError, HostError):  # ValueError: no port, or a path that is none
        return False
    return True


async def _connects(place: str) -> bool:
    parts = urlsplit(f"tcp://{place}")
    _, writer = await asyncio.open_connection(parts.hostname or "127.0.0.1", parts.port or 2375)
    writer.close()
    return True


async def _pings(path: Path) -> bool:
    reader, writer = await host().connect(path, of_anyone=True)
    try:
        writer.write(PING)
        await writer.drain()
        status = await reader.readline()
    finally:
        writer.close()
    return b" 200 " in status
