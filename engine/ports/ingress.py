"""Services of a swarm: what they publish through the swarm's ingress network answers on this computer.

For such a port dockerd starts no proxy program that could ask (it does for ``mode=host``), but binds it in the
machine by itself, and leads what comes to the machine's own address there to one of the service's containers.
Which ports these are the services tell.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from functools import partial
from pathlib import Path

from engine.client import EngineClient, Event, Service
from engine.following import events_from_now, look_whenever, while_it_answers
from vm.guest.forward import MACHINE, Forward
from vm.guest.link_task import LinkTask
from vm.guest.stream import Carrier

NETWORK = "ingress"
LOOK_SECONDS = 20.0
"""Between two looks while there are such ports: a node that leaves its swarm says nothing of the services."""

Publish = Callable[[Iterable[Forward]], None]
"""Told all that is to be listened on for services."""


class Ingress(LinkTask[Carrier]):
    """Follows the services of one machine's engine.

    What they publish stays while dockerd restarts, since its services do.

    :param socket: the engine's.
    """

    def __init__(self, socket: Path, publish: Publish) -> None:
        self._socket = socket
        self._publish = publish

    async def work(self, way: Carrier) -> None:
        told: list[Forward] | None = None

        async def look(engine: EngineClient) -> float | None:
            nonlocal told
            swarm = (await engine.info()).get("Swarm") or {}
            found = forwards(await engine.services.list()) if swarm.get("ControlAvailable") else []
            if found != told:
                self._publish(found)
                told = found
            return LOOK_SECONDS if found else None

        async def follow(engine: EngineClient) -> None:
            await look_whenever(asyncio.Event(), _events(engine), partial(look, engine))

        await while_it_answers(self._socket, follow)


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


async def _events(engine: EngineClient) -> AsyncIterator[Event]:
    """Those after which other services may publish other ports."""
    async for event in events_from_now(engine, {"type": ["service", "network"]}):
        if event.kind == "service" or event.attributes.get("name") == NETWORK:
            yield event
