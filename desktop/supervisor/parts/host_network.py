"""Containers with ``--network host``: what they listen on answers on the host's localhost.

It gives the publisher its ports, so it comes before the ports in the list.
"""

from __future__ import annotations

from functools import partial

from desktop.supervisor.parts.base import LinkedPart
from engine.events import EngineEvents
from engine.ports import HostNetwork, Publisher


class HostNetworkPorts(LinkedPart):
    """Around :class:`engine.ports.HostNetwork`."""

    name = "host network"

    def __init__(self, events: EngineEvents, publisher: Publisher) -> None:
        super().__init__(HostNetwork(events, partial(publisher.follow, "host network")))
