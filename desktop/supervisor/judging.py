"""What the endpoint does before the engine gets a request to create or to start a container."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from desktop.supervisor.mounting import mount_judge
from desktop.supervisor.surroundings import proxy_judge
from engine.endpoint.rewrite import Judge, Request
from engine.linux import ask_inside
from engine.ports import Inspect, Reserve
from vm.errors import LinkError, UserError

if TYPE_CHECKING:  # the supervisor makes the judge, which asks the supervisor
    from desktop.supervisor.app import Supervisor

log = logging.getLogger(__name__)

HOLD = "/usr/lib/slipway/hold /run/slipway/held"
HOLD_SECONDS = 10.0
INSPECT_SECONDS = 60.0


def inspector(supervisor: Supervisor) -> Inspect:
    """Asks the engine about a container."""

    async def inspect(container: str) -> Mapping[str, Any]:
        path = f"/containers/{quote(container, safe='')}/json"
        told: Mapping[str, Any] = json.loads(await ask_inside(supervisor.machine.link, INSPECT_SECONDS, path))
        return told

    return inspect


def reserve(supervisor: Supervisor) -> Reserve:
    """Keeps dockerd from choosing ports that are in use on this computer."""

    async def hold(ports: Sequence[int]) -> None:
        told = await supervisor.machine.link.run(" ".join([HOLD, *map(str, ports)]), timeout=HOLD_SECONDS)
        if told.exit_code != 0:
            raise LinkError("The machine could not hold ports", detail=told.stderr.decode(errors="replace"))

    return Reserve(supervisor.publisher, inspector(supervisor), hold)


def judge(supervisor: Supervisor) -> Judge:
    """Of a container that is made: its mounts, then the proxy. Of one that is started: mounts, then ports."""
    mounts, proxy, inspect = mount_judge(supervisor), proxy_judge(supervisor), inspector(supervisor)

    async def look_at_mounts(container: str) -> None:
        try:
            told = await inspect(container)
        except UserError as error:  # dockerd says what is wrong with it
            log.info("what %s mounts is not known: %s %s", container, error.message, error.detail)
        else:
            await mounts(json.dumps(told).encode())

    async def judged(request: Request) -> bytes:
        await supervisor.folders.look_again()
        if request.container:
            await look_at_mounts(request.container)
            await supervisor.reserve.prepare(request.container, request.over)
            return request.body
        return await proxy(await mounts(request.body))

    return judged
