"""``POST /build`` with BuildKit (Docker Engine API v1.51, ``version=2``)."""

from __future__ import annotations

import asyncio
import re
import uuid
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from engine.client.build.context import pieces
from engine.client.build.session import session
from engine.client.build.trace import Trace, decode
from engine.client.errors import ProgressError
from engine.client.progress import Lookup
from engine.client.registry import explain
from engine.client.streams import objects
from engine.client.transport import Params, Transport, query
from vm.errors import EngineError

BUILDKIT = 2
TAR = {"Content-Type": "application/x-tar"}
CANCEL_SECONDS = 5.0

UNRESOLVED = re.compile(r"failed to resolve source metadata for (?:docker\.io/(?:library/)?)?(\S+): ")
"""How BuildKit says that it cannot have a base image."""


@dataclass(frozen=True)
class Build:
    """What to build.

    :ivar folder: what the Dockerfile's COPY sees.    :ivar dockerfile: a path in it.
    :ivar target: the stage to end with; empty for the last.    :ivar platform: such as ``linux/arm64``.
    :ivar cache: use what earlier builds left.    :ivar pull: ask for newer base images.
    """

    folder: Path
    tags: tuple[str, ...] = ()
    dockerfile: str = "Dockerfile"
    target: str = ""
    arguments: Mapping[str, str] = field(default_factory=dict)
    platform: str = ""
    cache: bool = True
    pull: bool = False


async def run(transport: Transport, build: Build, lookup: Lookup) -> AsyncGenerator[Trace]:
    """Build, and yield what BuildKit reports; leaving the iteration cancels it in the engine.

    :param lookup: who we are at a registry.
    :raise ProgressError: a step failed.    :raise EngineError: the folder cannot be read.
    """
    key = uuid.uuid4().hex
    traces: asyncio.Queue[Trace | None] = asyncio.Queue()
    work = asyncio.create_task(_work(transport, build, lookup, key, traces))
    work.add_done_callback(lambda _: traces.put_nowait(None))
    try:
        while (step := await traces.get()) is not None:
            yield step
        await work
    finally:
        if not work.done():
            work.cancel()
            await asyncio.wait([work])
            await _cancel(transport, key)


async def _work(
    transport: Transport, build: Build, lookup: Lookup, key: str, traces: asyncio.Queue[Trace | None]
) -> None:
    sent = 0

    async def body() -> AsyncIterator[bytes]:
        nonlocal sent
        async for piece in pieces(build.folder, build.dockerfile):
            yield piece
            sent += len(piece)
            traces.put_nowait(Trace(sent=sent))

    async with session(transport, lookup) as opened:
        params = _params(build, key, opened)
        async with transport.stream("POST", "/build", params, content=body(), headers=TAR) as reply:
            async for values in objects(reply.aiter_raw()):
                if values.get("error"):
                    raise failure(values)
                traces.put_nowait(_trace(values))


def failure(values: Mapping[str, object]) -> EngineError:
    """Why a build failed; in words for the user when it is a registry's refusal."""
    error = ProgressError(str(values["error"]), detail=str(values.get("errorDetail") or ""))
    base = UNRESOLVED.search(error.message)
    return explain(error, base[1]) if base else error


def _params(build: Build, key: str, opened: str) -> Params:
    values = query(
        version=BUILDKIT,
        buildid=key,
        session=opened,
        dockerfile=build.dockerfile,
        target=build.target or None,
        buildargs=build.arguments or None,
        platform=build.platform or None,
        nocache=not build.cache,
        pull=True if build.pull else None,
    )
    return {**values, "t": build.tags}


def _trace(values: Mapping[str, object]) -> Trace:
    about, kind = values.get("aux"), values.get("id")
    if kind == "moby.buildkit.trace" and isinstance(about, str):
        return decode(about)
    if kind == "moby.image.id" and isinstance(about, dict):
        return Trace(image=str(about.get("ID") or ""))
    return Trace()


async def _cancel(transport: Transport, key: str) -> None:
    """End the build itself too: the engine notices only late that its reader has left."""
    try:
        await transport.call("POST", "/build/cancel", query(id=key), timeout=CANCEL_SECONDS)
    except EngineError:  # it has ended, or the engine is gone
        return
