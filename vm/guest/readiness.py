"""When the guest counts as up: a list of requirements as data, and the waiting for them.

Each requirement has a description, a deadline and a hint, so that a start that fails names what did not happen and
what to look at. The engine's own stages (containerd, dockerd) are reported like the rest but not waited for here:
whether the engine answers is the engine's question.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from vm.errors import DiskError, MachineError, UserError
from vm.guest.control import GuestStage

EMULATION_FACTOR = 4.0
"""How much longer everything may take under software emulation, on a busy computer."""

_LOG_HINT = "The end of the machine's console tells more; all of it is in logs/console.log of Slipway's folder."


@dataclass(frozen=True)
class Requirement:
    """One stage that has to be told before the guest is up.

    :ivar description: what the guest does meanwhile; completes "while …".
    :ivar deadline: seconds after the previous one, with hardware acceleration.
    """

    stage: str
    description: str
    deadline: float
    hint: str = _LOG_HINT
    error: type[UserError] = MachineError


REQUIREMENTS = (
    Requirement("init", "starting the kernel", 15),
    Requirement("modules", "loading kernel modules", 10),
    Requirement(
        "data",
        "mounting the data disk",
        150,  # a file system check of a large disk after a crash
        "The data disk is left as it is. “slipway diagnose” tells more; a backup of its file is a good idea now.",
        DiskError,
    ),
    Requirement("network", "setting up the network", 10),
    Requirement("services", "starting services", 10),
    Requirement("sshd", "starting the SSH server", 15),
)

LINK_DEADLINE = 5.0
"""Seconds for the agent to answer, with hardware acceleration."""

SSH_DEADLINE = 15.0
"""Seconds for the first SSH connection after its server has reported, with hardware acceleration."""


class Readiness:
    """What one guest has told, and the waiting for what it has not.

    :param factor: stretches every deadline.
    """

    def __init__(self, factor: float = 1.0) -> None:
        self._factor = factor
        self._told: dict[str, GuestStage] = {}
        self._news = asyncio.Event()

    def tell(self, stage: GuestStage) -> None:
        """Take note of a stage; the listener for :class:`vm.guest.control.GuestControl`."""
        self._told[stage.name] = stage
        self._news.set()

    async def wait(self, last: str) -> None:
        """Wait until every requirement is met, up to the stage ``last``.

        :raise MachineError: one was not met in time, or the guest reported that it failed.
        :raise DiskError: the same, about the data disk.
        """
        for requirement in REQUIREMENTS:
            try:
                async with asyncio.timeout(requirement.deadline * self._factor):
                    await self._await(requirement)
            except TimeoutError as error:
                raise requirement.error(
                    f"The machine did not get past “{requirement.stage}”: it was given "
                    f"{requirement.deadline * self._factor:g} s for {requirement.description}",
                    requirement.hint,
                ) from error
            if requirement.stage == last:
                return

    async def _await(self, requirement: Requirement) -> None:
        while True:
            self._news.clear()
            for known in REQUIREMENTS:
                stage = self._told.get(known.stage)
                if stage is not None and stage.failure is not None:
                    raise known.error(
                        f"The machine failed at “{known.stage}”, while {known.description}",
                        known.hint,
                        stage.failure,
                    )
            if requirement.stage in self._told:
                return
            await self._news.wait()
