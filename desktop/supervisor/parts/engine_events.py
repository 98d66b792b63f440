"""The engine's events, read once over the link and shared by the parts that follow containers.

It stands first in the list: the others subscribe to it.
"""

from __future__ import annotations

from desktop.control.schema import PartReport
from desktop.supervisor.parts.base import Part, reported
from engine.backends.base import Guest
from engine.endpoint.route import GuestRoute
from engine.events import EngineEvents
from engine.linux import GUEST_SOCKET


class EngineEventHub(Part):
    """Around :class:`engine.events.EngineEvents`."""

    name = "engine events"

    def __init__(self) -> None:
        self.events = EngineEvents()

    def attach(self, guest: Guest) -> None:
        """Read the events of this machine's engine."""
        self.events.use(GuestRoute(guest.link, GUEST_SOCKET))

    def detach(self, *, ended: bool) -> None:
        """Wait for the next link."""
        self.events.use(None)

    def report(self) -> PartReport:
        """How the reading is doing."""
        return reported(self.name, self.events.health)

    async def close(self) -> None:
        """Read no more."""
        await self.events.close()
