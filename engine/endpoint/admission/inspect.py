"""What the engine in the guest knows of a container that is to be started, and of its volumes; its removal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from urllib.parse import quote

from engine.endpoint.admission.bind_mounts import Volumes
from engine.endpoint.admission.documents import JsonObject, parse
from engine.endpoint.admission.pipeline import Discard, Inspect
from engine.linux import ask_inside
from vm.errors import EngineError
from vm.guest.stream import Carrier

INSPECT_SECONDS = 60.0


def inspect_in_guest(connect: Callable[[], Carrier]) -> Inspect:
    """Asks the engine in the guest, past the endpoint.

    :param connect: returns the link to the guest; raises :class:`~vm.errors.UserError` while there is none
    """

    async def inspect(name: str) -> JsonObject:
        return await _ask(connect, f"/containers/{quote(name, safe='', errors='surrogateescape')}/json")

    return inspect


def volumes_in_guest(connect: Callable[[], Carrier]) -> Volumes:
    """As :func:`inspect_in_guest`, for volumes; those it does not know are left out."""

    async def inspect(name: str) -> JsonObject:
        try:
            return await _ask(connect, f"/volumes/{quote(name, safe='')}")
        except EngineError:  # it has been removed meanwhile; the engine says so
            return {}

    async def inspect_all(names: Sequence[str]) -> Sequence[JsonObject]:
        return await asyncio.gather(*map(inspect, names))

    return inspect_all


def discard_in_guest(connect: Callable[[], Carrier]) -> Discard:
    """As :func:`inspect_in_guest`, to remove a container."""

    async def discard(identity: str) -> None:
        await ask_inside(connect(), INSPECT_SECONDS, f"/containers/{identity}?force=1&v=1", "DELETE")

    return discard


async def _ask(connect: Callable[[], Carrier], path: str) -> JsonObject:
    found = parse(await ask_inside(connect(), INSPECT_SECONDS, path))
    return found if isinstance(found, dict) else {}
