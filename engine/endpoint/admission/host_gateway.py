"""The name ``host-gateway`` of ``--add-host``, replaced by its addresses when a container is created.

dockerd does that itself at each start of the container, but Moby 28 has lost the addresses once it has reloaded
its settings (moby/moby#52057).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from engine.endpoint.admission.documents import JsonObject
from engine.endpoint.admission.pipeline import Step

NAME = ":host-gateway"


class HostGateway(Step):
    """:param addresses: what the name stands for; may block. Without any it stays, for dockerd."""

    def __init__(self, addresses: Callable[[], Sequence[str]]) -> None:
        self._addresses = addresses

    async def create_container(self, body: JsonObject) -> None:
        """Replace the name in the container's extra hosts."""
        config = body.get("HostConfig")
        hosts = config.get("ExtraHosts") if isinstance(config, dict) else None
        if not isinstance(hosts, list) or not any(_has_it(one) for one in hosts):
            return
        addresses = await asyncio.to_thread(self._addresses)
        if addresses:
            body["HostConfig"]["ExtraHosts"] = [made for one in hosts for made in _replaced(one, addresses)]


def _has_it(entry: object) -> bool:
    return isinstance(entry, str) and entry.endswith(NAME)


def _replaced(entry: object, addresses: Sequence[str]) -> list[object]:
    if not isinstance(entry, str) or not entry.endswith(NAME):
        return [entry]
    return [f"{entry.removesuffix(NAME)}:{address}" for address in addresses]
