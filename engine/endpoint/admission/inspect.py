"""What the engine in the guest knows of containers, volumes and plugins, by name; and a container's removal."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from urllib.parse import quote

from engine.endpoint.admission.bind_mounts import Plugin, Volumes
from engine.endpoint.admission.documents import JsonObject, parse
from engine.endpoint.admission.pipeline import Discard, Inspect
from engine.linux import EngineAnswerError, ask_inside
from vm.errors import EngineError, UserError
from vm.guest.stream import Carrier

INSPECT_SECONDS = 60.0

UNKNOWN = (400, 404, 409)
"""What dockerd answers when it has nothing by a name, or not one; it says so again to the request itself."""


def inspect_in_guest(connect: Callable[[], Carrier]) -> Inspect:
    """Asks the engine in the guest, past the endpoint.

    :param connect: returns the link to the guest; raises :class:`~vm.errors.UserError` while there is none
    """

    async def inspect(name: str) -> JsonObject:
        return await _ask(connect, "containers", name, "/json")

    return inspect


def plugin_in_guest(connect: Callable[[], Carrier]) -> Plugin:
    """As :func:`inspect_in_guest`, for a plugin."""

    async def inspect(name: str) -> JsonObject:
        return await _ask(connect, "plugins", name, "/json")

    return inspect


def volumes_in_guest(connect: Callable[[], Carrier]) -> Volumes:
    """As :func:`inspect_in_guest`, for volumes."""

    async def inspect(name: str) -> JsonObject:
        return await _ask(connect, "volumes", name)

    async def inspect_all(names: Sequence[str]) -> Sequence[JsonObject]:
        return await asyncio.gather(*map(inspect, names))

    return inspect_all


def discard_in_guest(connect: Callable[[], Carrier]) -> Discard:
    """As :func:`inspect_in_guest`, to remove a container."""

    async def discard(identity: str) -> None:
        await ask_inside(connect(), INSPECT_SECONDS, f"/containers/{identity}?force=1&v=1", "DELETE")

    return discard


async def _ask(connect: Callable[[], Carrier], kind: str, name: str, below: str = "") -> JsonObject:
    """What the engine knows; empty: it knows nothing by that name.

    :raise UserError: it cannot say now, so the request cannot be checked
    """
    path = f"/{kind}/{quote(name, safe='', errors='surrogateescape')}{below}"
    try:
        found = parse(await ask_inside(connect(), INSPECT_SECONDS, path))
    except EngineAnswerError as error:
        if error.status in UNKNOWN:
            return {}
        raise _unavailable(name, error) from error
    except EngineError as error:
        raise _unavailable(name, error) from error
    if not isinstance(found, dict) or not found:
        raise _unavailable(name, EngineError("dockerd's answer is empty"))
    return found


def _unavailable(name: str, error: EngineError) -> UserError:
    return UserError(
        f"Slipway could not ask the engine what “{name}” mounts: {error.message}",
        "Try again. See: slipway logs --source dockerd",
        error.detail,
    )
