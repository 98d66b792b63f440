"""The answer to “what is going on?”, put together from the lifecycle, a real call, and the parts' health."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Protocol

import psutil

from desktop.control.schema import (
    EngineState,
    ErrorReport,
    MachineReport,
    MemoryReport,
    PartReport,
    RunState,
    Status,
    UsageReport,
    WarningReport,
)
from desktop.settings.schema import SettingsError
from desktop.supervisor.context import CurrentSettings, GuestAccess
from desktop.supervisor.lifecycle.boot_plan import BootPlanner, describe
from desktop.supervisor.lifecycle.lifecycle import Lifecycle
from desktop.supervisor.lifecycle.memory import describe_memory
from desktop.supervisor.lifecycle.phase import RUN_STATES, Phase
from desktop.supervisor.notifier import Notifier
from vm.errors import UserError
from vm.guest.memory import GuestMemory
from vm.host import Host

log = logging.getLogger(__name__)

SHORTEST_WATCH, LONGEST_WATCH = 0.5, 3600.0
"""Seconds between two statuses of one watcher when nothing happens."""

MEMORY_SECONDS = 3.0
"""For the guest's answer about its memory."""

SUMMARIES = {
    RunState.RUNNING: "Running",
    RunState.STOPPED: "Stopped",
    RunState.PAUSED: "Paused",
    RunState.STOPPING: "Stopping",
    RunState.STARTING: "Starting",
    RunState.RESTARTING: "Restarting: the machine ended unexpectedly",
}


class Engines(Protocol):
    """All engines, as far as they are shown."""

    @property
    def lifecycle(self) -> Lifecycle:
        """Of the one in use."""
        ...

    def report(self) -> list[EngineState]:
        """How each of them is."""
        ...


class Reports(Protocol):
    """The parts, as far as they are shown."""

    def report(self) -> tuple[PartReport, ...]:
        """How each part is."""
        ...


@dataclass(frozen=True)
class StatusReporter:
    """Makes statuses.

    :ivar memory: asks the machine how much memory it has left.
    :ivar connections: how many connections the endpoint has now.
    :ivar ended: whether nothing will change any more.
    :ivar warnings: what is not as it should be.
    :ivar also: further addresses at which the engine answers.
    :ivar tls: the one at which it answers by TLS, if it does.
    """

    engines: Engines
    settings: CurrentSettings
    guest: GuestAccess
    memory: Callable[[], Awaitable[GuestMemory]]
    planner: BootPlanner
    parts: Reports
    host: Host
    notifier: Notifier
    socket: str
    connections: Callable[[], int]
    ended: Callable[[], bool]
    warnings: Callable[[], tuple[WarningReport, ...]]
    also: Callable[[], tuple[str, ...]] = tuple
    tls: Callable[[], str] = str

    async def status(self, *, all_hops: bool = False) -> Status:
        """What is going on now; when the engine should answer, a real call is made."""
        lifecycle = self.engines.lifecycle
        phase, failure, job = lifecycle.phase, lifecycle.failure, lifecycle.job
        state, stage = RUN_STATES[phase], lifecycle.failed_stage
        told = ErrorReport.of(failure) if failure is not None else None
        health = memory = None
        if phase is Phase.RUNNING:
            health, memory = await asyncio.gather(lifecycle.health(all_hops=all_hops), self._memory())
            state, told = (RunState.RUNNING if health.engine else RunState.UNREACHABLE), health.failure
        elif job is not None:
            stage = job.stage
        return Status(
            state=state,
            summary=summarise(state, stage, told),
            socket=self.socket,
            supervisor_pid=os.getpid(),
            failure=told,
            hops=health.hops if health is not None else (),
            stage=stage,
            note=lifecycle.note,
            machine=self._machine(),
            accelerator=describe(self.planner.verdict),
            engine=health.engine if health is not None else None,
            connections=self.connections(),
            usage=self._usage(),
            memory=memory,
            engines=tuple(self.engines.report()),
            parts=self.parts.report(),
            warnings=self.warnings(),
            also=self.also(),
            tls=self.tls(),
        )

    async def watch(self, every: float) -> AsyncIterator[Status]:
        """The status now, whenever something changes, and at least each ``every`` seconds.

        :raise ValueError: ``every`` is not from 0.5 to 3600.
        """
        if not SHORTEST_WATCH <= every <= LONGEST_WATCH:
            raise ValueError(f"every: {every} is not from {SHORTEST_WATCH} to {LONGEST_WATCH}")
        while not self.ended():
            subscription = self.notifier.subscribe()
            yield await self.status()
            await subscription.wait(every)

    async def _memory(self) -> MemoryReport | None:
        try:
            async with asyncio.timeout(MEMORY_SECONDS):
                found = await self.memory()
            return describe_memory(found, self.settings.resolved().memory_mib, self.host.memory_mib)
        except (UserError, TimeoutError) as error:  # whether it can be reached is health's question
            log.debug("the machine's memory is not known: %s", error)
            return None

    def _usage(self) -> UsageReport | None:
        record = self.guest.record
        if record is None:
            return None
        try:
            process = psutil.Process(record.pid)
            with process.oneshot():
                times, memory = process.cpu_times(), process.memory_info().rss
        except psutil.Error:  # it has just ended
            return None
        return UsageReport(times.user + times.system, memory, time.time())

    def _machine(self) -> MachineReport | None:
        try:
            settings = self.settings.resolved()
        except SettingsError:
            return None
        record = self.guest.record
        return MachineReport(
            settings.cpus,
            settings.memory_mib,
            settings.disk_gib,
            self.host.arch.value,
            record.pid if record else None,
            record.image if record else None,
            record.started if record else None,
        )


def summarise(state: RunState, stage: str, failure: ErrorReport | None) -> str:
    """One sentence for the user."""
    if state is RunState.UNREACHABLE and failure is not None:
        return f"The engine does not answer: {failure.message}"
    if state in (RunState.FAILED, RunState.PAUSED) and failure is not None:
        return failure.message
    if state is RunState.STARTING and stage:
        return f"Starting: {stage}"
    return SUMMARIES.get(state, state.value)
