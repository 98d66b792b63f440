"""Services of a swarm: what they publish through the swarm's ingress network answers on this computer.

For such a port dockerd starts no proxy program that could ask (it does for ``mode=host``), but binds it in the
machine by itself, and leads what comes to the machine's own address there to one of the service's containers.
Which ports these are the services tell.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from engine.client import EngineClient, Service
from vm.errors import UserError
from vm.guest.forward import MACHINE, Forward
from vm.guest.stream import Carrier
from vm.guest.while_linked import WhileLinked

log = logging.getLogger(__name__)

NETWORK = "ingress"
RETRY_SECONDS = 1.0
LOOK_SECONDS = 20.0
"""Between two looks while there are such ports: a node that leaves its swarm says nothing of the services."""

OVERLAP_SECONDS = 2.0
"""Events from so long ago are told again: some may have come before the first look, and the clocks may differ."""

Publish = Callable[[Iterable[Forward]], None]
"""Told all that is to be listened on for services."""


class Ingress(WhileLinked[Carrier]):
    """Follows the services of one machine's engine.

    What they publish stays while dockerd restarts, since its services do.

    :param socket: the engine's.
    """

    def __init__(self, socket: Path, publish: Publish) -> None:
        self._socket = socket
        self._publish = publish

    async def work(self, way: Carrier) -> None:
        while True:
            with suppress(UserError, ConnectionError):  # the engine comes and goes
                async with EngineClient(self._socket) as engine:
                    await self._follow(engine)
            await asyncio.sleep(RETRY_SECONDS)

    async def _follow(self, engine: EngineClient) -> None:
        """Until the engine goes away."""
        changed = asyncio.Event()
        listening = asyncio.create_task(_listen(engine, changed))
        told: list[Forward] | None = None
        try:
            while not listening.done():
                changed.clear()
                found = forwards(await engine.services.list()) if await engine.services.managed() else []
                if found != told:
                    self._publish(found)
                    told = found
                await _first(changed, listening, LOOK_SECONDS if found else None)
            await listening  # raises what ended it
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)


def forwards(services: Iterable[Service]) -> list[Forward]:
    """What to listen on here, at every address, in a fixed order."""
    ports = {
        (port.protocol, port.published)
        for one in services
        for port in one.ports
        if port.ingress and port.published
    }
    return [
        Forward(f"ingress-{protocol}-{address}-{port}", protocol, address, port, MACHINE, port)
        for protocol, port in sorted(ports)
        for address in ("0.0.0.0", "::")
    ]


async def _listen(engine: EngineClient, changed: asyncio.Event) -> None:
    async for event in engine.events({"type": ["service", "network"]}, since=time.time() - OVERLAP_SECONDS):
        if event.kind == "service" or event.attributes.get("name") == NETWORK:
            changed.set()


async def _first(changed: asyncio.Event, listening: asyncio.Task[None], seconds: float | None) -> None:
    """Until something has changed, the engine has gone, or the time is over."""
    waiting = asyncio.create_task(changed.wait())
    try:
        await asyncio.wait((waiting, listening), timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        waiting.cancel()
