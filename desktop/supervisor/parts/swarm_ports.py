"""Services of a swarm: the ports that its ingress publishes answer on the host, as on each node of a swarm.

It gives the publisher its ports, so it comes before the ports in the list.
"""

from __future__ import annotations

from functools import partial

from desktop.supervisor.parts.base import LinkedPart
from engine.events import EngineEvents
from engine.ports import Ingress, Publisher


class SwarmPorts(LinkedPart):
    """Around :class:`engine.ports.Ingress`."""

    name = "swarm services"

    def __init__(self, events: EngineEvents, publisher: Publisher) -> None:
        super().__init__(Ingress(events, partial(publisher.follow, "services")))
