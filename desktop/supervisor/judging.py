"""What the endpoint does before the engine gets a request to create or to start a container."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from desktop.supervisor.mounting import mount_judge
from desktop.supervisor.surroundings import proxy_judge
from engine.endpoint.rewrite import Judge
from engine.ports import Reserve
from vm.errors import LinkError

if TYPE_CHECKING:  # the supervisor makes the judge, which asks the supervisor
    from desktop.supervisor.app import Supervisor

HOLD = "/usr/lib/slipway/hold"
HOLD_SECONDS = 10.0


def reserve(supervisor: Supervisor) -> Reserve:
    """Keeps dockerd from choosing ports that are in use on this computer."""

    async def hold(ports: Sequence[int]) -> None:
        told = await supervisor.machine.link.run(" ".join([HOLD, *map(str, ports)]), timeout=HOLD_SECONDS)
        if told.exit_code != 0:
            raise LinkError("The machine could not hold ports", detail=told.stderr.decode(errors="replace"))

    return Reserve(supervisor.publisher, hold)


def in_turn(supervisor: Supervisor) -> Judge:
    """Bind mounts, then the proxy, then the ports."""
    judges: tuple[Judge, ...] = (mount_judge(supervisor), proxy_judge(supervisor), supervisor.reserve)

    async def judge(body: bytes) -> bytes:
        for one in judges:
            body = await one(body)
        return body

    return judge
