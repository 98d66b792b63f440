"""The supervisor with everything below the control API replaced by moments of waiting and an engine in memory."""

from __future__ import annotations

import asyncio
import os
import time
from dataclasses import replace

from aiohttp import web

from desktop.control.schema import (
    MOUNTED,
    AcceleratorReport,
    ContextReport,
    DiskReport,
    EngineReport,
    ErrorReport,
    Event,
    FolderReport,
    HopReport,
    MachineReport,
    Note,
    PortReport,
    ResetLevel,
    RunState,
    Status,
    UsageReport,
)
from desktop.supervisor.app import Supervisor
from desktop.supervisor.fake import engine
from desktop.supervisor.fake.catalogue import furnish
from desktop.supervisor.fake.scenario import Scenario
from desktop.supervisor.fake.world import World
from desktop.supervisor.folders import Folders
from desktop.supervisor.jobs import Emit
from desktop.supervisor.reset import Reset
from desktop.supervisor.startup import Timeline
from desktop.supervisor.upkeep import Upkeep
from vm.errors import HostError, MachineError
from vm.host import Host
from vm.host.paths import Paths

STAGES = (
    ("image", "finding the system image", 1),
    ("disk", "looking at the data disk", 1),
    ("accelerator", "proving the accelerator", 2),
    ("qemu", "starting the machine", 2),
    ("kernel", "the kernel is starting", 6),
    ("services", "starting containerd and dockerd", 8),
    ("link", "connecting to the machine", 3),
    ("socket", "waiting for the engine's first answer", 4),
)
"""Stage, what is told, and how long it takes of the others."""

MOMENT, SLOW_MOMENT = 0.005, 0.25
"""Seconds of one part of a stage."""

LATER = "it was added while the machine ran"
HOPS = ("QEMU", "guest", "SSH link", "dockerd", "socket")
VERDICT = AcceleratorReport(
    "tcg", True, True, "Software emulation: /dev/kvm does not boot a kernel", "Switch nested virtualisation on."
)


class FakeSupervisor(Supervisor):
    """Behaves as :class:`Supervisor` does towards its clients."""

    def __init__(self, paths: Paths, host: Host) -> None:
        super().__init__(paths, host)
        self.scenario = Scenario.of_environment()
        self.upkeep = FakeUpkeep(self)
        self.folders = FakeFolders(self)
        self.world = World()
        if not self.scenario.empty:
            furnish(self.world, many=self.scenario.many)
        self._began: float | None = time.time() if self.scenario.running else None
        self._error: ErrorReport | None = None
        self._runner: web.AppRunner | None = None
        self._life: asyncio.Task[None] | None = None

    @property
    def in_use(self) -> bool:
        return self._began is not None

    async def open(self) -> None:
        app = engine.make_app(self.world, lambda: self._began is not None)
        self._runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.5)
        await self._runner.setup()
        self.paths.docker_socket.unlink(missing_ok=True)  # a name: nothing to wait for
        await web.UnixSite(self._runner, str(self.paths.docker_socket)).start()
        self.paths.docker_socket.chmod(0o600)
        self._life = asyncio.create_task(
            self.world.shout() if self.scenario.loud else self.world.live(busy=self.scenario.busy)
        )

    async def close(self) -> None:
        if self._life is not None:
            self._life.cancel()
            await asyncio.gather(self._life, return_exceptions=True)
        if self._runner is not None:
            await self._runner.cleanup()
            self.paths.docker_socket.unlink(missing_ok=True)  # a name: nothing to wait for

    def ports(self) -> list[PortReport]:
        address = "127.0.0.1" if self._stored().ports_local else "0.0.0.0"
        return [
            PortReport(port["Type"], address, port["PublicPort"], "172.17.0.2", port["PrivatePort"], 0, "")
            for item in self.world.containers.values()
            for port in item["Ports"]
            if "PublicPort" in port
        ]

    async def _start(self, emit: Emit) -> str:
        if self._began is not None:
            return "Slipway runs already"
        self._error = None
        line = Timeline(emit)
        moment = SLOW_MOMENT if self.scenario.slow else MOMENT
        for name, text, parts in STAGES:
            async with line.stage(name):
                emit(Event("progress", text))
                for part in range(parts):
                    emit(Event("progress", text, part / parts if name == "image" else None))
                    await asyncio.sleep(moment)
                if name == "accelerator" and self.scenario.failing:
                    error = HostError("QEMU ended in the trial boot", "Install QEMU 7.2 or newer.", "exit code 1")
                    self._error, self._failed_stage = ErrorReport.of(error), line.doing
                    raise error
        self._began = time.time()
        self.boots.add(line.boot("tcg", "0123456789abcdef"))
        return f"Moby 28.5.2 answers on {self.paths.docker_socket} after {line.total:.1f} s"

    async def _stop(self, emit: Emit) -> str:
        self._error = None
        if self._began is None:
            return "Slipway is stopped already"
        emit(Event("progress", "stopping the containers and the machine"))
        await asyncio.sleep(SLOW_MOMENT if self.scenario.slow else MOMENT)
        self._began = None
        self.world.machine_stopped()
        return "Slipway is stopped"

    async def _restart(self, emit: Emit) -> str:
        await self._stop(emit)
        return await self._start(emit)

    async def status(self, *, all_hops: bool = False) -> Status:
        told = await super().status()
        job = self._active()
        running = self._began is not None
        state = told.state
        if job is None:
            state = RunState.RUNNING if running else RunState.FAILED if self._error else RunState.STOPPED
        summary = {RunState.RUNNING: "The engine answers", RunState.STOPPED: "Slipway is stopped"}.get(
            state, self._error.message if self._error and job is None else told.summary
        )
        settings = self.settings()
        return replace(
            told,
            state=state,
            summary=summary,
            failure=self._error if job is None else None,
            stage=told.stage or (self._failed_stage if state is RunState.FAILED else ""),
            hops=tuple(HopReport(name, True, "answers") for name in HOPS) if running else (),
            accelerator=VERDICT,
            machine=MachineReport(
                settings.cpus,
                settings.memory_mib,
                settings.disk_gib,
                "amd64",
                os.getpid() if running else None,
                "0123456789abcdef" if running else None,
                self._began,
            ),
            engine=EngineReport("28.5.2", "1.51", "linux", "amd64", "6.12.48") if running else None,
            usage=UsageReport(self.world.machine_cpu_seconds(), 740 * 2**20, time.time()) if running else None,
        )


class FakeReset(Reset):
    """A reset of a machine that is not there; the system images in the cache are not the stand-in's."""

    _supervisor: FakeSupervisor

    async def _work(self, level: ResetLevel, emit: Emit) -> str:
        await self._supervisor._stop(emit)
        return await super()._work(level, emit)

    def _delete_images(self) -> None:
        pass


class FakeFolders(Folders):
    """Folders that are mounted at once: the home folder by virtiofs, those added later by SFTP."""

    _supervisor: FakeSupervisor

    def report(self) -> list[FolderReport]:
        if not self._supervisor.in_use:
            return []
        settings = self._supervisor.settings()
        later = settings.shared_folders
        return [
            FolderReport(folder, folder, MOUNTED, *(("sftp", LATER) if folder in later else ("virtiofs", "")))
            for folder in settings.shares()
        ]


class FakeUpkeep(Upkeep):
    """Upkeep of a machine that is not there."""

    _supervisor: FakeSupervisor
    _context = "default"

    def __init__(self, supervisor: FakeSupervisor) -> None:
        super().__init__(supervisor)
        self.reset = FakeReset(supervisor, self._contexts, self._images)

    async def disk(self) -> DiskReport:
        size = self._supervisor.settings().disk_gib * 2**30
        return DiskReport("machine/data.qcow2", True, size, 9_600_000_000, 80 * 2**30, "good")

    async def grow_disk(self, gib: int) -> Note:
        if gib < self._supervisor.settings().disk_gib:
            raise MachineError("The data disk cannot shrink", "Choose a larger size.")
        note = await super().grow_disk(gib)
        self._supervisor.news.ring()
        return note

    async def offer_context(self) -> str:
        return ""

    async def context(self) -> ContextReport:
        ours = self._context == "slipway"
        address = f"unix://{self._paths.docker_socket}" if ours else "unix:///var/run/docker.sock"
        previous = "default" if ours else ""
        return ContextReport(self._context, address, ours, ours, "", previous, ("default", "slipway"))

    async def use_context(self) -> Note:
        self._context = "slipway"
        return Note("docker uses the context “slipway” now")

    async def change_helpers(self, repair: bool) -> Note:
        return Note("No credential helper is missing; nothing was changed")

    async def restore_context(self) -> Note:
        self._context = "default"
        return Note("docker uses the context “default” again")

    async def guest_log(self, source: str, offset: int) -> tuple[str, int]:
        text = f'level=info msg="{source} has started"\n'
        return text[offset:], len(text)
