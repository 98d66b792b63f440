"""When the guest counts as up: a list of requirements as data, and the waiting for them.

Each requirement has a description, a deadline and a hint, so that a start that fails names what did not happen and
what to look at. The engine's own stages (containerd, dockerd) are reported like the rest but not waited for here:
whether the engine answers is the engine's question.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from vm.errors import DiskError, MachineError, StageTimeout, UserError
from vm.guest.control import GuestStage

EMULATION_FACTOR = 4.0
"""How much longer everything may take under software emulation, on a busy computer."""

_LOG_HINT = "See the machine's console: slipway logs --source console"


@dataclass(frozen=True)
class Requirement:
    """One stage that has to be reported before the guest is up.

    :ivar description: what the guest does meanwhile; completes "while …".
    :ivar deadline: seconds after the previous one, with hardware acceleration.
    :ivar error: what a failure that the guest reports becomes.
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
        "The data disk was not changed. Back up its file now, then run: slipway diagnose",
        DiskError,
    ),
    Requirement("network", "setting up the network", 10),
    Requirement("services", "starting services", 10),
    Requirement("sshd", "starting the SSH server", 15),
)

LOOK_SECONDS = 1.0
"""Between looks at a clock that may stand still: nothing announces a deadline of QEMU's processor time."""

LINK_DEADLINE = 10.0
"""Seconds for the agent to answer, with hardware acceleration."""

SSH_DEADLINE = 15.0
"""Seconds for the first SSH connection after its server has reported, with hardware acceleration."""


class Readiness:
    """The stages one guest has reported, and waiting for the others.

    :param factor: stretches every deadline.
    """

    def __init__(self, factor: float = 1.0) -> None:
        self._factor = factor
        self._reported: dict[str, GuestStage] = {}
        self._news = asyncio.Event()

    def report(self, stage: GuestStage) -> None:
        """Record a stage; the listener for :class:`vm.guest.control.GuestControl`."""
        self._reported[stage.name] = stage
        self._news.set()

    async def wait(self, last: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Wait until every requirement is met, up to the stage ``last``.

        :param clock: what the deadlines are measured with, in seconds.
        :raise StageTimeout: one was not met in time.
        :raise MachineError: the guest reported that one failed.
        :raise DiskError: the same, about the data disk.
        """
        for requirement in REQUIREMENTS:
            await self._meet(requirement, clock)
            if requirement.stage == last:
                return

    async def _meet(self, requirement: Requirement, clock: Callable[[], float]) -> None:
        deadline = requirement.deadline * self._factor
        began = clock()
        while not self._is_met(requirement):
            left = deadline - (clock() - began)
            if left <= 0:
                raise StageTimeout(
                    f"The machine did not get past “{requirement.stage}”: it was given "
                    f"{deadline:g} s for {requirement.description}",
                    requirement.hint,
                )
            self._news.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(min(left, LOOK_SECONDS)):
                    await self._news.wait()

    def _is_met(self, requirement: Requirement) -> bool:
        """:raise MachineError, DiskError: the guest reported that this or another stage failed."""
        for known in REQUIREMENTS:
            stage = self._reported.get(known.stage)
            if stage is not None and stage.failure is not None:
                raise known.error(
                    f"The machine failed at “{known.stage}”, while {known.description}", known.hint, stage.failure
                )
        return requirement.stage in self._reported
