"""Makes a container anew with other settings; the old one is kept beside it until the new one runs.

Whatever fails on the way is undone: the old container has its name, its restart policy and its life again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from engine.client import EngineClient
from engine.client.errors import NotFound
from engine.client.models import Container
from vm.errors import EngineError, UserError

log = logging.getLogger(__name__)

LIFE_SECONDS = 2.0
"""In which the new container must not fail."""

Undo = Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Original:
    """A container as it is.

    :ivar image: the configuration of its image; empty when the image is gone.
    :ivar files: how many files were changed in it and are in no volume.
    """

    inspected: dict[str, Any]
    image: dict[str, Any]
    files: int

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.inspected["Name"]).lstrip("/")

    @property
    def runs(self) -> bool:
        """Whether it has processes."""
        return bool((self.inspected.get("State") or {}).get("Running"))


async def read(engine: EngineClient, key: str) -> Original:
    """Everything about a container. :raise EngineError: it is gone, or the engine is."""
    inspected = await engine.containers.inspect(key)
    try:
        image = dict((await engine.images.inspect(inspected["Image"])).get("Config") or {})
    except NotFound:
        image = {}
    return Original(inspected, image, len(await engine.containers.changes(key)))


async def recreate(
    engine: EngineClient, original: Original, body: dict[str, Any], name: str
) -> tuple[Container, str]:
    """Put a new container into the place of an old one.

    :return: the new container, and the name under which the old one is kept.
    :raise EngineError: it failed; everything is as it was before, or the error says what is not.
    """
    containers, key = engine.containers, str(original.inspected["Id"])
    if original.runs and (original.inspected.get("HostConfig") or {}).get("AutoRemove"):
        raise EngineError(
            f"“{original.name}” is removed when it stops, so it cannot be kept", "Duplicate it instead."
        )
    policy = (original.inspected.get("HostConfig") or {}).get("RestartPolicy") or {"Name": "no"}
    undo: list[Undo] = []
    try:
        if original.runs:
            undo.append(lambda: containers.start(key))
            await containers.stop(key)
        undo.append(lambda: containers.update(key, {"RestartPolicy": policy}))
        await containers.update(key, {"RestartPolicy": {"Name": "no"}})  # else dockerd starts it again
        kept = await _free_name(engine, original.name)
        undo.append(lambda: containers.rename(key, original.name))
        await containers.rename(key, kept)
        new = await containers.create(body, name=name)
        undo.append(lambda: containers.remove(new, force=True))
        if original.runs:
            await containers.start(new)
            await _require_life(engine, new)
        found = await containers.list(all=True, filters={"id": [new]})
    except (UserError, asyncio.CancelledError) as error:
        await _undo(undo, error, original.name)
        raise
    return found[0], kept


async def _require_life(engine: EngineClient, key: str) -> None:
    """:raise EngineError: the container fails at once."""
    try:
        async with asyncio.timeout(LIFE_SECONDS):
            code = await engine.containers.wait(key)
    except TimeoutError:
        return
    if code:
        raise EngineError(f"The new container has ended with exit code {code}", await _last_words(engine, key))


async def _undo(steps: list[Undo], cause: BaseException, name: str) -> None:
    """:raise EngineError: a step cannot be undone."""
    for step in reversed(steps):
        try:
            await step()
        except UserError as error:
            log.warning("%s could not be restored: %s", name, error.message)
            raise EngineError(
                f"{cause}, and “{name}” could not be restored: {error.message}",
                "It is there under another name: docker ps -a",
            ) from cause


async def _free_name(engine: EngineClient, name: str) -> str:
    """For the old container: ``web-before``, or with a number."""
    taken = {item.name for item in await engine.containers.list(all=True)}
    names = (f"{name}-before{number if number > 1 else ''}" for number in range(1, len(taken) + 2))
    return next(found for found in names if found not in taken)


async def _last_words(engine: EngineClient, key: str) -> str:
    """The end of its log."""
    told = b""
    async for frame in engine.containers.logs(key, follow=False, tail=5):
        told += frame.data
    return told.decode(errors="replace").strip()
