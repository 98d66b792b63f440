"""A swarm: ``/services``, ``/tasks`` and ``/nodes`` of the Docker Engine API v1.51, of an engine that manages
it.
"""

from __future__ import annotations

import builtins
import copy
from collections.abc import AsyncIterator, Callable
from typing import Any

from engine.client.models import Node, Service, Task
from engine.client.streams import Frame, frames
from engine.client.transport import Transport, query
from vm.errors import EngineError

Spec = dict[str, Any]


class Services:
    """The services of the swarm that the engine manages."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(self, *, status: bool = False) -> list[Service]:
        """All services. :param status: count their tasks, too.

        :raise Unavailable: the engine manages no swarm, which it logs as an error of its own. Before this,
            ``Swarm.ControlAvailable`` of :meth:`.System.info` says.
        """
        found = await self._transport.json("GET", "/services", query(status=status or None))
        return [Service.of(item) for item in found]

    async def inspect(self, key: str) -> dict[str, Any]:
        """All about one, as the engine's own JSON."""
        values: dict[str, Any] = await self._transport.json("GET", f"/services/{key}")
        return values

    async def tasks(self, key: str) -> builtins.list[Task]:
        """What was and is run of it."""
        found = await self._transport.json("GET", "/tasks", query(filters={"service": [key]}))
        return [Task.of(item) for item in found]

    async def scale(self, key: str, replicas: int) -> None:
        """Run so many of it.

        :raise EngineError: it is not replicated.
        """

        def change(spec: Spec) -> None:
            mode = spec.get("Mode") or {}
            if "Replicated" not in mode:
                raise EngineError("Only replicated services can be scaled", "A global one runs once on each node.")
            mode["Replicated"] = {**(mode["Replicated"] or {}), "Replicas": replicas}

        await self._update(key, change)

    async def update_image(self, key: str, image: str) -> None:
        """Have it run another image; the swarm replaces its tasks one after the other."""

        def change(spec: Spec) -> None:
            spec["TaskTemplate"]["ContainerSpec"]["Image"] = image

        await self._update(key, change)

    async def remove(self, key: str) -> None:
        """Remove it and its tasks."""
        await self._transport.call("DELETE", f"/services/{key}")

    async def logs(
        self, key: str, *, follow: bool = False, tail: int | None = None, timestamps: bool = False
    ) -> AsyncIterator[Frame]:
        """What its tasks have printed, and with ``follow`` what they print. :param tail: the last so many
        lines.
        """
        params = query(stdout=True, stderr=True, follow=follow, tail=tail, timestamps=timestamps)
        async with self._transport.stream("GET", f"/services/{key}/logs", params) as reply:
            async for frame in frames(reply.aiter_raw(), reply.headers.get("Content-Type", "")):
                yield frame

    async def _update(self, key: str, change: Callable[[Spec], None]) -> None:
        """Change a service as it is now. :raise ApiError: somebody else has changed it meanwhile."""
        found = await self.inspect(key)
        spec = copy.deepcopy(found["Spec"])
        change(spec)
        version = query(version=found["Version"]["Index"])
        await self._transport.call("POST", f"/services/{key}/update", version, body=spec)


class Nodes:
    """The engines of the swarm."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def list(self) -> list[Node]:
        """All of them. :raise Unavailable: see :meth:`Services.list`."""
        return [Node.of(item) for item in await self._transport.json("GET", "/nodes")]

    async def set_availability(self, key: str, availability: str) -> None:
        """``active``; ``pause``: no new tasks; ``drain``: none at all, those that run go to other nodes."""
        found = await self._transport.json("GET", f"/nodes/{key}")
        spec = {**found["Spec"], "Availability": availability}
        version = query(version=found["Version"]["Index"])
        await self._transport.call("POST", f"/nodes/{key}/update", version, body=spec)
