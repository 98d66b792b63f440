"""Writing what comes in pieces: a file has its name once it is whole, and an interrupted one leaves nothing."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, cast

from vm.errors import EngineError


async def write_whole(target: Path, pieces: AsyncIterator[bytes]) -> AsyncGenerator[int]:
    """Write a file; what was there before is replaced at the end.

    :return: bytes written so far, again and again.    :raise EngineError: it cannot be written.
    """
    part, count = target.with_name(target.name + ".part"), 0
    try:
        with part.open("wb") as out:
            async with aclosing(cast(Any, pieces)) as source:
                async for piece in source:
                    count += await asyncio.to_thread(out.write, piece)
                    yield count
            await asyncio.to_thread(_flush, out.fileno())
        part.replace(target)  # a rename does not wait
        yield count
    except OSError as error:
        raise EngineError(f"{target} cannot be written: {error.strerror}", "", str(error)) from error
    finally:
        part.unlink(missing_ok=True)


def _flush(descriptor: int) -> None:
    os.fsync(descriptor)
