"""The stand-in's life: starts, stops and restarts on a script, and the status in between."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace

from desktop.control.schema import (
    AcceleratorReport,
    Boot,
    EngineReport,
    EngineState,
    ErrorReport,
    Event,
    HopReport,
    MachineReport,
    MemoryReport,
    Note,
    PartReport,
    PartState,
    RequirementReport,
    RunState,
    StageReport,
    Status,
    UsageReport,
)
from desktop.settings.schema import Settings
from desktop.supervisor.context import CurrentSettings, Emit, Work
from desktop.supervisor.engines.make import LINUX
from desktop.supervisor.engines.windows import NAME as WINDOWS
from desktop.supervisor.engines.windows import absent
from desktop.supervisor.fake.scenario import Scenario
from desktop.supervisor.fake.world import World
from desktop.supervisor.lifecycle.jobs import Job, cancel_for_last
from desktop.supervisor.lifecycle.memory import describe_memory
from desktop.supervisor.notifier import Notifier
from vm.errors import EngineError, HostError, NotSetUp
from vm.guest.memory import GuestMemory
from vm.host import Host

STAGES = (
    ("image", "finding the system image", 1),
    ("disk", "preparing the data disk", 1),
    ("accelerator", "looking for hardware acceleration", 2),
    ("qemu", "starting QEMU", 2),
    ("kernel", "booting Linux", 6),
    ("services", "starting the services", 8),
    ("link", "connecting to the machine", 3),
    ("socket", "waiting for the engine's first answer", 4),
)
"""Stage, what is shown, and how long it takes of the others."""

MOMENT, SLOW_MOMENT = 0.005, 0.25
"""Seconds of one part of a stage."""

HELD_SECONDS = 0.05
"""Between two looks whether a start that is held may go on."""

STARTING = ("start", "restart")
IMAGE = "0123456789abcdef"
HOPS = ("QEMU", "guest", "SSH link", "dockerd", "socket")
PARTS = ("folders", "ports", "trust")
VERDICT = AcceleratorReport(
    "tcg", True, True, "Software emulation: /dev/kvm does not boot a kernel", "Switch nested virtualisation on."
)
ENGINE = EngineReport("28.5.2", "1.51", "linux", "amd64", "6.12.48")


class FakeLifecycle:
    """Behaves towards its clients as the supervisor's lifecycle does.

    :ivar boots: the timings of past starts.    :ivar asked: whether anything has been asked of it.
    """

    def __init__(
        self,
        scenario: Scenario,
        settings: CurrentSettings,
        host: Host,
        world: World,
        socket: str,
        notifier: Notifier,
    ) -> None:
        self._scenario = scenario
        self._settings = settings
        self._world = world
        self._socket = socket
        self._host = host
        self._notifier = notifier
        self._moment = SLOW_MOMENT if scenario.slow else MOMENT
        self._began: float | None = time.time() if scenario.running else None
        self._failure: ErrorReport | None = None
        self._failed_stage = ""
        self._job: Job | None = None
        self._settled = False
        self._note = ""
        self.in_use = LINUX
        self._used = {LINUX}
        self._target = ""
        self._refuse = scenario.refused
        self.sockets: dict[str, str] = {}  # which the supervisor has
        self.switched: Callable[[str], Awaitable[None]] = _nothing  # ends the connections to an engine
        self.asked = False
        self.tls: Callable[[], str] = str  # the address of the TLS listener, which the supervisor has
        self.boots: list[Boot] = []

    @property
    def running(self) -> bool:
        """Whether there is a machine."""
        return self._began is not None

    def runs(self, name: str) -> bool:
        """Whether an engine runs: the one in use, or both."""
        beside = self._settings.get().keep_engines and name in self._used
        return self.running and (name == self.in_use or beside)

    # -- work ---------------------------------------------------------------------------------------------------

    def start(self) -> AsyncIterator[Event]:
        """Start, or join the start under way."""
        return self._ask("start", self._start)

    def stop(self) -> AsyncIterator[Event]:
        """Stop, cancelling a start."""
        return self._ask("stop", self._stop)

    async def cancel_start(self) -> Note:
        """Cancel the start under way, as the supervisor does."""
        job = self._active()
        return await cancel_for_last(job if job is not None and job.name in STARTING else None)

    def restart(self) -> AsyncIterator[Event]:
        """Stop, then start."""

        async def work(emit: Emit) -> str:
            await self._stop(emit)
            return await self._start(emit)

        return self._ask("restart", work)

    def while_stopped(self, name: str, work: Work) -> AsyncIterator[Event]:
        """Stop, then do ``work``."""

        async def stopped(emit: Emit) -> str:
            await self._stop(emit)
            return await work(emit)

        return self._ask(name, stopped)

    def use(self, name: str) -> AsyncIterator[Event]:
        """Switch to the engine of that name.

        :raise EngineError: it cannot be used.
        """
        found = next((one for one in self.engines() if one.name == name), None)
        if found is None or found.obstacle:
            raise EngineError(f"There is no engine “{name}”", found.hint if found is not None else "")

        async def work(emit: Emit) -> str:
            if self._scenario.bare and name == WINDOWS:
                raise NotSetUp("Windows containers are not set up on this computer", "slipway engine setup")
            self._target = name
            try:
                emit(Event("progress", f"starting the engine for {found.title}"))
                for _ in range(20):
                    await asyncio.sleep(self._moment)
                before, self.in_use = self.in_use, name
                self._used.add(name)
                self._began = self._began or time.time()
                await self.switched(before)
            finally:
                self._target = ""
            return f"{found.title} are in use: Moby {ENGINE.version}, {found.os}/{ENGINE.arch}"

        return self._ask(f"switch to {name}", work)

    def engines(self) -> list[EngineState]:
        """Of Linux and of Windows containers."""
        found = []
        for name, title in ((LINUX, "Linux containers"), (WINDOWS, "Windows containers")):
            state = RunState.RUNNING if self.runs(name) else RunState.STOPPED
            one = EngineState(name, title, name, state, state.value.title(), in_use=name == self.in_use)
            socket = self.sockets[name] if self._scenario.two else ""
            found.append(replace(one, switching=name == self._target, socket=socket, used=name in self._used))
        if not self._scenario.two:
            found[1] = absent(self._host)
            if not found[1].obstacle:  # on a Windows that could have them
                found[1] = replace(found[1], obstacle="Windows Home has none")
        return found

    def needs(self) -> list[RequirementReport]:
        """What Windows containers need: half of it is there."""
        if not self._scenario.two:
            raise EngineError("Windows containers cannot be used on this computer")
        return [
            RequirementReport("Windows Pro, Enterprise, Education or Server", True),
            RequirementReport("The Windows feature “Containers”", False, "setup", "the setup switches it on"),
        ]

    def install(self) -> AsyncIterator[Event]:
        """Set Windows containers up."""

        async def work(emit: Emit) -> str:
            emit(Event("progress", "waiting until an administrator has allowed it, and it is done"))
            await asyncio.sleep(self._moment)
            if self._refuse:
                self._refuse = False
                raise HostError("It was not allowed, and nothing has changed", "Try again.")
            return "Restart Windows, then: slipway engine use windows"

        return self._ask("setup", work)

    def remove(self, data: bool = False, features: bool = True) -> AsyncIterator[Event]:
        """Take them away."""

        async def work(emit: Emit) -> str:
            return "It is removed"

        return self._ask("removal", work)

    async def settle(self) -> None:
        """Stop whatever runs."""
        async for _ in self.stop():
            pass
        self._settled = True
        self._notifier.notify()

    async def _ask(self, name: str, work: Work) -> AsyncIterator[Event]:
        self.asked = True
        while (job := self._active()) is not None:
            if job.name == name or (name == "start" and job.name == "restart"):
                break
            if name not in STARTING and job.name in STARTING:
                await job.cancel()
            else:
                await asyncio.wait([job.task])
        else:
            job = self._job = Job(name, self._noting(name, work), pinned=True, tell=self._notifier.notify)
        async for event in job.follow():
            yield event

    def _noting(self, name: str, work: Work) -> Work:
        async def noting(emit: Emit) -> str:
            try:
                return await work(emit)
            except asyncio.CancelledError:
                self._note = f"The {name} was cancelled" if name in STARTING else ""
                raise

        return noting

    def _active(self) -> Job | None:
        return self._job if self._job is not None and not self._job.done else None

    async def _start(self, emit: Emit) -> str:
        if self._began is not None:
            return "Slipway is already running"
        self._failure, self._note = None, ""
        began, stages = time.time(), list[StageReport]()
        for name, text, parts in STAGES:
            before = time.time()
            emit(Event("progress", text))
            for part in range(parts):
                emit(Event("progress", text, part / parts if name == "image" else None))
                await asyncio.sleep(self._moment)
            while name == "kernel" and self._scenario.held and not self._may_go_on():
                await asyncio.sleep(HELD_SECONDS)
            if name == "accelerator" and self._scenario.failing:
                error = HostError("QEMU ended in the trial boot", "Install QEMU 7.2 or newer.", "exit code 1")
                self._failure, self._failed_stage = ErrorReport.of(error), text
                raise error
            stages.append(StageReport(name, time.time() - began, time.time() - before))
            emit(Event("stage", name, stage=stages[-1]))
        self._began = time.time()
        self.boots.append(Boot(began, stages[-1].seconds, VERDICT.name, IMAGE, tuple(stages)))
        return f"Moby {ENGINE.version} answers on {self._socket} after {stages[-1].seconds:.1f} s"

    def _may_go_on(self) -> bool:
        return (self._host.paths().home / "go-on").exists()

    async def _stop(self, emit: Emit) -> str:
        self._failure = None
        if self._began is None:
            return "Slipway is already stopped"
        emit(Event("progress", "stopping the containers and the machine"))
        await asyncio.sleep(self._moment)
        self._began = None
        self._world.machine_stopped()
        return "Slipway is stopped"

    # -- status -------------------------------------------------------------------------------------------------

    async def status(self) -> Status:
        """What is going on now."""
        state, summary, stage = self._state()
        running = state is RunState.RUNNING
        return Status(
            state,
            summary,
            self._socket,
            supervisor_pid=os.getpid(),
            failure=self._failure if state is RunState.FAILED else None,
            hops=tuple(HopReport(name, True, "answers") for name in HOPS) if running else (),
            stage=stage,
            note=self._note if state is RunState.STOPPED else "",
            machine=self._machine(self._settings.resolved()),
            accelerator=VERDICT,
            engine=replace(ENGINE, os=self.in_use) if running else None,
            usage=UsageReport(self._world.machine_cpu_seconds(), 740 * 2**20, time.time()) if running else None,
            memory=self._memory(self._settings.resolved()) if running else None,
            engines=tuple(self.engines()),
            parts=tuple(
                PartReport(name, PartState.RUNNING if running else PartState.IDLE, since=self._began)
                for name in PARTS
            ),
            tls=self.tls(),
        )

    async def watch(self, every: float) -> AsyncIterator[Status]:
        """The status now, at each change, and at least each ``every`` seconds, until the process ends."""
        while not self._settled:
            subscription = self._notifier.subscribe()
            yield await self.status()
            await subscription.wait(every)

    def _state(self) -> tuple[RunState, str, str]:
        """The run state, its summary and the stage."""
        job = self._active()
        if job is not None and job.name in STARTING and not job.task.cancelling():
            return RunState.STARTING, f"Starting: {job.stage}", job.stage
        if job is not None:
            return RunState.STOPPING, "Stopping", job.stage
        if self._began is not None:
            return RunState.RUNNING, "Running", ""
        if self._failure is not None:
            return RunState.FAILED, self._failure.message, self._failed_stage
        return RunState.STOPPED, "Stopped", ""

    def _machine(self, settings: Settings) -> MachineReport:
        pid, image = (os.getpid(), IMAGE) if self._began is not None else (None, None)
        return MachineReport(
            settings.cpus, settings.memory_mib, settings.disk_gib, "amd64", pid, image, self._began
        )

    def _memory(self, settings: Settings) -> MemoryReport:
        total = settings.memory_mib * 2**20
        found = (
            GuestMemory(total, total // 10, 0, 0, 90, 1)
            if self._scenario.full
            else GuestMemory(total, total // 2, 0, 0, 0, 0)
        )
        return describe_memory(found, settings.memory_mib, self._host.memory_mib)


async def _nothing(_: str) -> None:
    """Nothing has to be ended."""
