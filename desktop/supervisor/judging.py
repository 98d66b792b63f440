"""What the endpoint does before the engine gets a request to create or to start a container."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING
from urllib.parse import quote

from desktop.supervisor.mounting import mount_judge
from desktop.supervisor.surroundings import proxy_judge
from engine.endpoint.rewrite import Judge, Request
from engine.linux import ask_inside
from engine.ports import PortReservations
from vm.errors import LinkError, UserError

if TYPE_CHECKING:  # the supervisor makes the judge, which asks the supervisor
    from desktop.supervisor.app import Supervisor

log = logging.getLogger(__name__)

HOLD = "/usr/lib/slipway/hold_ports /run/slipway/held"
HOLD_SECONDS = 10.0
INSPECT_SECONDS = 60.0


def reserve(supervisor: Supervisor) -> PortReservations:
    """Keeps dockerd from choosing ports that are in use on this computer."""

    async def hold(ports: Sequence[int]) -> None:
        told = await supervisor.machine.link.run(" ".join([HOLD, *map(str, ports)]), timeout=HOLD_SECONDS)
        if told.exit_code != 0:
            raise LinkError("The machine could not hold ports", detail=told.stderr.decode(errors="replace"))

    return PortReservations(supervisor.publisher, hold)


def judge(supervisor: Supervisor) -> Judge:
    """Of a container that is made: its mounts, then the proxy. Of one that is started: mounts, then ports."""
    mounts, proxy = mount_judge(supervisor), proxy_judge(supervisor)

    async def inspect(container: str) -> bytes:
        path = f"/containers/{quote(container, safe='')}/json"
        try:
            return await ask_inside(supervisor.machine.link, INSPECT_SECONDS, path)
        except UserError as error:  # dockerd says what is wrong with it
            log.info("nothing is known of %s, which is started: %s %s", container, error.message, error.detail)
            return b"{}"

    async def judged(request: Request) -> bytes:
        await supervisor.folders.look_again()
        if not request.container:
            return await proxy(await mounts(request.body))
        told = await inspect(request.container)
        await mounts(told)
        await supervisor.reserve.prepare(json.loads(told), request.over)
        return request.body

    return judged
