"""Services of a swarm: what they publish through the swarm's ingress network answers on the host.

For such a port dockerd starts no proxy program that could ask (it does for ``mode=host``): it binds the port
itself, and forwards what comes to the machine's own address there to one of the service's containers. The
services' own descriptions say which ports these are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from engine.client import EngineClient, Service
from engine.events import EngineEvents, Interest
from vm.guest.forward import MACHINE, Forward
from vm.guest.link_task import LinkTask
from vm.guest.stream import Carrier

SERVICES = (Interest("service"), Interest("network", name="ingress"))
"""Events after which services may publish other ports."""

LOOK_SECONDS = 20.0
"""Between two looks while there are such ports: no event of a service reports that the node has left its swarm."""

Publish = Callable[[Iterable[Forward]], None]
"""Called with all that is to be listened on for services."""


class Ingress(LinkTask[Carrier]):
    """Follows the services of one machine's engine.

    What they publish stays while dockerd restarts, since its services do.

    :param events: of that engine.
    """

    def __init__(self, events: EngineEvents, publish: Publish) -> None:
        self._events = events
        self._publish = publish

    async def work(self, link: Carrier) -> None:
        published: list[Forward] | None = None

        async def look(engine: EngineClient) -> float | None:
            nonlocal published
            swarm = (await engine.info()).get("Swarm") or {}
            found = forwards(await engine.services.list()) if swarm.get("ControlAvailable") else []
            if found != published:
                self._publish(found)
                published = found
            return LOOK_SECONDS if found else None

        await self._events.look(SERVICES, look)


def forwards(services: Iterable[Service]) -> list[Forward]:
    """What to listen on, at every address, in a fixed order."""
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
