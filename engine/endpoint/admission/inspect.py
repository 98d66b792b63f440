"""What the engine in the guest knows of a container that is to be started."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from engine.endpoint.admission.pipeline import Inspect, JsonObject, parse_object
from engine.linux import ask_inside
from vm.guest.stream import Carrier

INSPECT_SECONDS = 60.0


def inspect_in_guest(connect: Callable[[], Carrier]) -> Inspect:
    """Asks the engine in the guest, past the endpoint.

    :param connect: returns the link to the guest; raises :class:`~vm.errors.UserError` while there is none
    """

    async def inspect(name: str) -> JsonObject:
        path = f"/containers/{quote(name, safe='')}/json"
        return parse_object(await ask_inside(connect(), INSPECT_SECONDS, path)) or {}

    return inspect
