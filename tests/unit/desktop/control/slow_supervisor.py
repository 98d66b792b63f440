"""``python slow_supervisor.py HOME CACHE``: a slow supervisor, which answers once HOME/go is there.

It takes its lock at once, unless HOME/late is there, and then when that is removed.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from desktop.control.lock import InstanceLock
from vm.host.paths import Paths

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"


async def _answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(ANSWER)
    await writer.drain()
    writer.close()


async def _serve(paths: Paths) -> None:
    while not (paths.home / "go").exists():
        await asyncio.sleep(0.01)
    async with await asyncio.start_unix_server(_answer, paths.control_socket) as server:
        await server.serve_forever()


def main(home: Path, cache: Path) -> int:
    """Be the supervisor of that installation, if there is none."""
    paths = Paths(home, cache)
    while (home / "late").exists():
        time.sleep(0.01)
    if not InstanceLock(paths.lock).acquire():
        return 0
    asyncio.run(_serve(paths))
    return 0


if __name__ == "__main__":
    raise SystemExit(main(Path(sys.argv[1]), Path(sys.argv[2])))
