"""Save images to a file and load them from one, with progress; an interrupted save leaves no file behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path

from engine.client import EngineClient
from engine.client.models import Progress
from engine.client.whole_file import write_whole
from vm.errors import EngineError

PIECE = 2**20


async def load_file(engine: EngineClient, path: Path) -> AsyncGenerator[Progress]:
    """Load an archive; yield how many bytes were sent, then what was loaded.

    :raise EngineError: the file cannot be read, or is not an archive of images.
    """
    progress: asyncio.Queue[Progress | None] = asyncio.Queue()
    total = await asyncio.to_thread(file_size, path)

    async def pieces() -> AsyncIterator[bytes]:
        sent = 0
        with path.open("rb") as source:
            while piece := await asyncio.to_thread(source.read, PIECE):
                yield piece
                sent += len(piece)
                progress.put_nowait(Progress(path.name, "Sent", sent, total))

    async def work() -> None:
        async for step in engine.images.load(pieces()):
            progress.put_nowait(step)

    task = asyncio.create_task(work())
    task.add_done_callback(lambda _: progress.put_nowait(None))
    try:
        while (step := await progress.get()) is not None:
            yield step
        await task
    finally:
        task.cancel()


async def save_file(engine: EngineClient, names: list[str], target: Path, total: int) -> AsyncGenerator[Progress]:
    """Save images to an archive.

    :param total: its approximate size in bytes.    :raise EngineError: the file cannot be written.
    """
    async with aclosing(write_whole(target, engine.images.save(*names))) as counts:
        async for count in counts:
            yield Progress(target.name, "Written", count, max(total, count))


def file_size(path: Path) -> int:
    """Its bytes, if it can be read. It waits for the disk.

    :raise EngineError: it cannot.
    """
    try:
        with path.open("rb"):
            return path.stat().st_size
    except OSError as error:
        raise EngineError(f"{path} cannot be read: {error.strerror}", "", str(error)) from error
