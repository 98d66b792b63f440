"""What a service can be (Microsoft, "SERVICE_STATUS"), and what it can be asked for."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol


class ServiceState(StrEnum):
    """Where a service is in its life; a paused one counts as running."""

    ABSENT = "absent"
    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"


class LogPart(NamedTuple):
    """A part of a log. :ivar next: the position at which it goes on."""

    text: str
    next: int


class Service(Protocol):
    """One service."""

    @property
    def title(self) -> str:
        """What it is, as the subject of a message: “The service SlipwayWindowsEngine”."""
        ...

    async def state(self) -> ServiceState:
        """What it is now. :raise HostError: that is not told."""
        ...

    async def start(self) -> None:
        """Start it and wait until it runs; nothing when it does.

        :raise HostError: it is not there, may not be started, or does not start.
        """
        ...

    async def stop(self) -> None:
        """Stop it and wait until it has; nothing when it does not run.

        :raise HostError: it may not be stopped, or does not stop.
        """
        ...

    async def wait_ended(self) -> str:
        """Wait until it has ended by itself; how, in a few words."""
        ...

    async def log(self, after: int) -> LogPart:
        """What it has written after a position; after 0 the newest part of it. No text: nothing more yet.

        :raise HostError: that cannot be read.
        """
        ...
