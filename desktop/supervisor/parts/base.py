"""The protocol of a part. A part gets narrow things (context.py), never the supervisor."""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

from desktop.control.schema import PartReport, PartState
from desktop.settings.schema import Settings
from desktop.supervisor.lifecycle.boot_plan import BootPlan
from engine.backends.base import Guest
from vm.guest.stream import Link
from vm.tasks import TaskHealth, TaskState


class Part:
    """One part; what it does not need it inherits. All is called in the supervisor's event loop.

    :cvar name: a short name, for the status and the log.
    """

    name = ""

    def configure(self, settings: Settings) -> None:
        """Use these settings from now on; called at the beginning and after each change."""

    async def plan(self, plan: BootPlan) -> None:
        """Add to the next start of the machine.

        :raise Exception: what is missing is reported, and the machine starts without it.
        """

    def attach(self, guest: Guest) -> None:
        """The guest is within reach, for the first time or again."""

    async def prepare_stop(self) -> None:
        """The engine is about to be stopped in order; it can be reached until this returns."""

    def detach(self, *, ended: bool) -> None:
        """The guest is out of reach; ``ended``: for good, and with it all that ran in it."""

    def report(self) -> PartReport:
        """How it is."""
        return PartReport(self.name, PartState.RUNNING)

    async def close(self) -> None:
        """Give everything up: the process ends. A machine that still runs is adopted by the next supervisor."""


class FollowsLink(Protocol):
    """Work that goes on for as long as there is a link (:class:`vm.guest.link_task.LinkTask`)."""

    @property
    def health(self) -> TaskHealth:
        """How the work is doing."""
        ...

    def use(self, link: Link | None, /) -> None:
        """The link from now on; None while there is none."""
        ...

    async def close(self) -> None:
        """Work no more."""
        ...


class LinkedPart(Part):
    """A part that is one :class:`FollowsLink`."""

    def __init__(self, task: FollowsLink) -> None:
        self._task = task

    def attach(self, guest: Guest) -> None:
        """Work over this link."""
        self._task.use(guest.link)

    def detach(self, *, ended: bool) -> None:
        """Wait for the next link."""
        self._task.use(None)

    def report(self) -> PartReport:
        """How the work is doing."""
        return reported(self.name, self._task.health)

    async def close(self) -> None:
        """Work no more."""
        await self._task.close()


STATES = {
    TaskState.STARTING: PartState.RUNNING,
    TaskState.RUNNING: PartState.RUNNING,
    TaskState.FAILED_WAITING: PartState.RESTARTING,
    TaskState.ENDED: PartState.IDLE,
}


def reported(name: str, health: TaskHealth) -> PartReport:
    """The health of a part's background task as the control API has it. Called in the task's event loop."""
    since = time.time() - (asyncio.get_running_loop().time() - health.since) if health.since else None
    return PartReport(name, STATES[health.state], health.failures, health.error, since)
