"""What the endpoint does before the engine gets a request to create or to start a container."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from desktop.supervisor.mounting import mount_judge
from desktop.supervisor.surroundings import proxy_judge
from engine.endpoint.rewrite import Judge, Request
from engine.linux import ask_inside
from engine.ports import Reserve
from vm.errors import LinkError

if TYPE_CHECKING:  # the supervisor makes the judge, which asks the supervisor
    from desktop.supervisor.app import Supervisor

HOLD = "/usr/lib/slipway/hold /run/slipway/held"
HOLD_SECONDS = 10.0
INSPECT_SECONDS = 60.0


def reserve(supervisor: Supervisor) -> Reserve:
    """Keeps dockerd from choosing ports that are in use on this computer."""

    async def inspect(container: str) -> Mapping[str, Any]:
        path = f"/containers/{quote(container, safe='')}/json"
        told: Mapping[str, Any] = json.loads(await ask_inside(supervisor.machine.link, INSPECT_SECONDS, path))
        return told

    async def hold(ports: Sequence[int]) -> None:
        told = await supervisor.machine.link.run(" ".join([HOLD, *map(str, ports)]), timeout=HOLD_SECONDS)
        if told.exit_code != 0:
            raise LinkError("The machine could not hold ports", detail=told.stderr.decode(errors="replace"))

    return Reserve(supervisor.publisher, inspect, hold)


def judge(supervisor: Supervisor) -> Judge:
    """Any container: the folders. One that is made: its bind mounts, then its proxy. One that is started: its ports."""
    changes = (mount_judge(supervisor), proxy_judge(supervisor))

    async def judged(request: Request) -> bytes:
        await supervisor.folders.look_again()
        body = request.body
        if request.container:
            await supervisor.reserve.prepare(request.container, request.over)
            return body
        for change in changes:
            body = await change(body)
        return body

    return judged
