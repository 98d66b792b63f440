"""The composition root: puts machine, endpoint and engine together, and knows what follows from what.

One piece of work at a time changes the machine (see jobs.py): asking for what is under way joins it, stopping
cancels a start, everything else waits its turn. The endpoint's listener lives as long as this object is open.
"""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Sequence
from functools import partial
from typing import Protocol

import psutil

from desktop.control.schema import (
    ErrorReport,
    Event,
    MachineReport,
    PortReport,
    RunState,
    Status,
    SwitchReport,
    UsageReport,
)
from desktop.settings.schema import Settings, SettingsError
from desktop.settings.store import SettingsStore
from desktop.supervisor.admission import admission, host_sockets, reserve
from desktop.supervisor.boots import Boots
from desktop.supervisor.folders import Folders
from desktop.supervisor.jobs import Emit, Job, Work
from desktop.supervisor.news import News
from desktop.supervisor.preferences import Preferences
from desktop.supervisor.recovery import RestartPolicy
from desktop.supervisor.startup import Startup, Timeline, describe
from desktop.supervisor.surroundings import archive
from desktop.supervisor.truth import find_out
from desktop.supervisor.upkeep import Upkeep
from desktop.supervisor.watching import Watching
from engine.client import Version
from engine.endpoint import Endpoint, GuestRoute
from engine.linux import GUEST_SOCKET, LinuxEngine
from engine.ports import HostNetwork, Ingress, Publisher
from engine.trust import Trust
from vm.errors import EngineError, MachineError, UserError
from vm.finish import finish
from vm.guest.names import Names
from vm.guest.stream import Link
from vm.host import Host
from vm.host.names import Resolver
from vm.host.paths import Paths
from vm.machine import Machine
from vm.qemu.usernet import UserNetwork
from vm.spec import Accelerator
from vm.state import MachineState

log = logging.getLogger(__name__)

ENGINE_SECONDS = 180.0
"""For dockerd's first answer; under emulation it takes ten, with thousands of containers more."""

STARTING_JOBS = ("start", "restart", "recover", "adopt")


class _Linked(Protocol):
    """What works by the way into the machine."""

    def use(self, way: Link | None, /) -> None:
        """The way from now on; None while there is none."""
        ...

    async def close(self) -> None:
        """Work no more."""
        ...


class Supervisor:
    """All of Slipway that runs in the background.

    :ivar ending: set when the process shall end.
    """

    def __init__(self, paths: Paths, host: Host) -> None:
        self.paths = paths
        self.host = host
        self.ending = asyncio.Event()
        self.store = SettingsStore(paths.settings)
        self.machine = Machine(paths, host)
        self.machine.changed.append(self._machine_changed)
        self.machine.link_changed.append(self._link_changed)
        stored = self._stored()
        network = UserNetwork(self.machine.execute)
        self.publisher = Publisher(self.machine.answer, network, local=stored.ports_local)
        self.machine.asked.append(self._guest_asked)
        self.host_network = HostNetwork(paths.docker_socket, partial(self.publisher.follow, "host network"))
        self.ingress = Ingress(paths.docker_socket, partial(self.publisher.follow, "services"))
        self.sockets = host_sockets(self)
        self.names = Names(Resolver(host.name_servers))
        self.engine = LinuxEngine(paths.docker_socket)
        self.boots = Boots(paths.boots)
        self.trust = Trust(lambda: archive(host))
        self.startup = Startup(paths, host)
        self.news = News()
        self.preferences = Preferences(self)
        self.upkeep = Upkeep(self)
        self.watching = Watching(self)
        self.folders = Folders(self)
        self.reserve = reserve(self)
        feeding = (self.host_network, self.ingress)  # tell the publisher what to listen on, so they end before it
        self._linked: Sequence[_Linked] = (
            *feeding,
            self.publisher,
            self.folders,
            self.sockets,
            self.names,
            self.trust,
        )
        self._endpoint = Endpoint(paths.docker_socket, stored.wait_seconds, admission=admission(self))
        self._job: Job | None = None
        self._failure: UserError | None = None
        self._failed_stage = ""
        self._policy = RestartPolicy()

    # -- the process's life -------------------------------------------------------------------------------------

    async def open(self) -> None:
        """Listen on the user's socket, and take over a machine that an earlier supervisor left.

        :raise UserError: the socket cannot be made.
        """
        await self._endpoint.start()
        self._shut()
        if self.paths.qemu_record.exists():
            self._begin("adopt", self._adopt, pinned=True)

    async def settle(self) -> None:
        """Stop what runs, for an orderly end of the process."""
        await self.upkeep.cancel_builds()
        await self._clear_the_way("shutdown")
        try:
            await self._stop(lambda event: None)
        except UserError as error:
            log.error("%s %s", error.message, error.detail)
        self.news.ring()  # those who watch need not do so any longer

    async def close(self) -> None:
        """Give the user's socket and ports up. A machine that still runs is adopted by the next supervisor."""
        await self.watching.close()
        for part in self._linked:
            await part.close()
        await self._endpoint.close()

    # -- work ---------------------------------------------------------------------------------------------------

    def start(self) -> AsyncIterator[Event]:
        """Start, or join what is already bringing the machine up."""
        return self.ask("start", self._start)

    def stop(self) -> AsyncIterator[Event]:
        """Stop the machine, cancelling a start."""
        return self.ask("stop", self._stop, pinned=True)

    def restart(self) -> AsyncIterator[Event]:
        """Stop and start; connections to the socket wait meanwhile."""
        return self.ask("restart", self._restart)

    async def ask(self, name: str, work: Work, *, pinned: bool = False) -> AsyncIterator[Event]:
        """Do ``work`` as the one job, or follow the one under way when it does the same."""
        while (job := self._active()) is not None:
            if job.name == name or (name == "start" and job.name in ("restart", "recover")):
                break
            await self._clear_the_way(name)
        else:
            job = self._begin(name, work, pinned=pinned)
        async for event in job.follow():
            yield event

    def _begin(self, name: str, work: Work, *, pinned: bool) -> Job:
        job = self._job = Job(name, work, pinned=pinned, tell=self.news.ring)
        return job

    async def _clear_the_way(self, name: str) -> None:
        job = self._active()
        if job is None:
            return
        if name in ("stop", "shutdown", "reset") and job.name in STARTING_JOBS:
            await job.cancel()
        else:
            await asyncio.wait([job.task])

    def _active(self) -> Job | None:
        return self._job if self._job is not None and not self._job.done else None

    async def _start(self, emit: Emit) -> str:
        self._policy.forgive()
        if self.machine.state is MachineState.PAUSED:
            await self.machine.resume()
        if self.machine.state is MachineState.RUNNING:
            truth = await find_out(self.machine, self.engine)
            if truth.failure is not None:
                raise truth.failure.to_error()
            return "Slipway runs already"
        return await self._boot(emit)

    async def _stop(self, emit: Emit) -> str:
        self._failure = None
        if self.machine.state is MachineState.STOPPED:
            self._shut()
            return "Slipway is stopped already"
        emit(Event("progress", "stopping the containers and the machine"))
        try:
            await finish(self._end_machine())
        finally:
            self._shut()
        return "Slipway is stopped"

    async def _restart(self, emit: Emit) -> str:
        if self.machine.state is not MachineState.STOPPED:
            emit(Event("progress", "stopping the containers and the machine"))
            self._endpoint.hold("the machine is being restarted")
            try:
                await finish(self._end_machine())
            except BaseException:
                self._shut()
                raise
        return await self._start(emit)

    async def _end_machine(self) -> None:
        await self.folders.stop_engine()
        await self.machine.stop()

    async def _adopt(self, emit: Emit) -> str:
        emit(Event("progress", "taking over the machine that still runs"))
        self._endpoint.hold("Slipway is taking over the machine that still runs")
        if not await self.machine.adopt():
            self._shut()
            return "what was left has been cleaned up"
        self._open_gate(self.machine.link)
        await self.machine.answer("ports")  # what is published, for us who came late
        self.reserve.forget()
        await self.reserve.look_ahead()
        await self._first_answer()
        record = self.machine.record
        if record is not None:
            try:
                await self.startup.recall(Accelerator(record.accelerator), record.image, self.settings())
            except UserError as error:  # it runs all the same
                log.warning("the verdict on acceleration is lost: %s", error.message)
        return "the machine that still ran was taken over"

    async def _recover(self, emit: Emit) -> str:
        cause = self.machine.failure
        while (pause := self._policy.next_pause()) is not None:
            self._endpoint.hold("the machine ended unexpectedly and is being started again")
            await asyncio.sleep(pause)
            try:
                return await self._boot(emit)
            except UserError as error:
                log.error("the restart failed: %s %s", error.message, error.detail)
                cause = error
        assert cause is not None
        self._failure = cause
        self._shut(cause)
        raise cause

    async def _boot(self, emit: Emit) -> str:
        """From a stopped machine to an answered call; any failure or cancellation ends in a known state."""
        self._failure = None
        self._endpoint.hold("the machine is starting")
        line = Timeline(emit)
        try:
            settings = self.settings()
            self.publisher.narrow(settings.ports_local)  # the file may have been mended since
            spec = await self.startup.prepare(settings, line, self.machine.failure)
            await self.machine.start(spec, line.machine_stage)
            self._open_gate(self.machine.link)
            await self.reserve.look_ahead()
            async with line.stage("socket"):
                version = await self._first_answer()
        except UserError as error:
            if self.machine.state is not MachineState.RUNNING:  # else it can be looked into
                self._failure = error
                self._failed_stage = line.doing
                self._shut(error)
            raise
        except BaseException:
            if self.machine.state in (MachineState.RUNNING, MachineState.PAUSED):
                await finish(self.machine.stop())
            self._shut()
            raise
        self.boots.add(line.boot(spec.accelerator.value, spec.boot.version))
        note = await self.upkeep.offer_context()
        outcome = f"Moby {version.version} answers on {self.paths.docker_socket} after {line.total:.1f} s"
        return f"{outcome}\n{note}".strip()

    async def _first_answer(self) -> Version:
        """Wait for the engine, but not longer than the machine lives."""
        answer = asyncio.create_task(self.engine.wait_ready(ENGINE_SECONDS))
        end = asyncio.create_task(self.machine.wait_exit())
        try:
            await asyncio.wait([answer, end], return_when=asyncio.FIRST_COMPLETED)
            if end.done():
                raise end.result() or MachineError("The machine ended while its engine was starting")
            return await answer
        finally:
            for task in (answer, end):
                task.cancel()
            await asyncio.gather(answer, end, return_exceptions=True)

    # -- what the machine tells ---------------------------------------------------------------------------------

    def _machine_changed(self, old: MachineState, new: MachineState) -> None:
        log.info("machine: %s → %s", old, new)
        self.news.ring()
        if new in (MachineState.STOPPING, MachineState.STOPPED, MachineState.FAILED):
            self.publisher.clear()  # nobody shall try to reach a machine that goes down
            self.reserve.clear()
            self._use(None)
        if old not in (MachineState.RUNNING, MachineState.PAUSED):
            return
        if new is MachineState.FAILED and self._active() is None:
            self._endpoint.hold("the machine ended unexpectedly and is being started again")
            self._begin("recover", self._recover, pinned=True)
        elif new is MachineState.PAUSED:
            self._shut(self.machine.failure or MachineError("The machine is paused", "Let it run: slipway start"))
        elif new is MachineState.RUNNING:
            self._open_gate(self.machine.link)

    def _link_changed(self, link: Link | None) -> None:
        self.news.ring()
        self._use(link)
        if link is None:
            self._endpoint.hold("the connection into the machine was lost and is being made again")
        else:
            self._open_gate(link)

    def _guest_asked(self, word: str, rest: str) -> None:
        if word == "publish" and not self.host_network.engine_answers:
            word = "repeat"  # dockerd is just starting, and with it the containers that ran before
        self.publisher.asked(word, rest)

    def _use(self, link: Link | None) -> None:
        for part in self._linked:
            part.use(link)

    def _open_gate(self, link: Link) -> None:
        self._use(link)
        self._endpoint.open_gate(GuestRoute(link, GUEST_SOCKET))

    def _shut(self, cause: UserError | None = None) -> None:
        if cause is None:
            self._endpoint.shut(EngineError("Slipway's machine is stopped", "Start it: slipway start"))
        else:
            self._endpoint.shut(EngineError(f"Slipway's machine is not available: {cause.message}", cause.hint))

    # -- what is asked of it ------------------------------------------------------------------------------------

    def settings(self) -> Settings:
        """The settings with this computer's defaults.

        :raise SettingsError: the file, or a value on this computer, is not acceptable.
        """
        return self.store.load().resolved(self.host.cpu_count, self.host.memory_mib)

    def take_up(self, settings: Settings) -> None:
        """Use what can be used without starting the machine again."""
        self._endpoint.set_wait_timeout(settings.wait_seconds)
        self.folders.take_up(settings)
        self.publisher.narrow(settings.ports_local)
        self.news.ring()

    @property
    def in_use(self) -> bool:
        """Whether there is a machine, which was started with the settings of that moment."""
        return self.machine.state not in (MachineState.STOPPED, MachineState.FAILED)

    async def status(self, *, all_hops: bool = False) -> Status:
        """What is going on now; when the machine should answer, a real call is made."""
        machine, failure, stage = self.machine.state, self._failure or self.machine.failure, ""
        truth = None
        job = self._active()
        if job is not None:
            state, stage = _job_state(job), job.stage
        elif machine is MachineState.RUNNING:
            truth = await find_out(self.machine, self.engine, all_hops=all_hops)
            state = RunState.RUNNING if truth.engine else RunState.UNREACHABLE
        elif machine is MachineState.PAUSED:
            state = RunState.PAUSED
        else:
            state = RunState.FAILED if failure is not None else RunState.STOPPED
            stage = self._failed_stage if failure is not None else ""
        told = truth.failure if truth is not None else ErrorReport.of(failure) if failure is not None else None
        return Status(
            state=state,
            summary=_summary(state, stage, told),
            socket=f"unix://{self.paths.docker_socket}",
            supervisor_pid=os.getpid(),
            failure=told,
            hops=truth.hops if truth is not None else (),
            stage=stage,
            machine=self._machine_report(),
            accelerator=describe(self.startup.verdict),
            engine=truth.engine if truth is not None else None,
            connections=self._endpoint.connections,
            usage=self._usage(),
            switch=SwitchReport("Windows containers", self.host.no_windows_containers),
        )

    async def watch(self, every: float) -> AsyncIterator[Status]:
        """The status now, whenever something happens, and at least each ``every`` seconds."""
        while not (self.ending.is_set() and self.machine.state is MachineState.STOPPED):
            news = self.news.listen()
            yield await self.status()
            await news.wait(every)

    def ports(self) -> list[PortReport]:
        """What containers publish, and whether this computer listens for it."""
        return [
            PortReport(
                one.forward.protocol,
                one.address,
                one.forward.port,
                one.forward.guest_address,
                one.forward.guest_port,
                len(one.clients),
                one.failure,
            )
            for one in self.publisher.published
        ]

    def _usage(self) -> UsageReport | None:
        record = self.machine.record
        if record is None:
            return None
        try:
            process = psutil.Process(record.pid)
            with process.oneshot():
                times, memory = process.cpu_times(), process.memory_info().rss
        except psutil.Error:  # it has just ended
            return None
        return UsageReport(times.user + times.system, memory, time.time())

    def _machine_report(self) -> MachineReport | None:
        try:
            settings = self.settings()
        except SettingsError:
            return None
        record = self.machine.record
        return MachineReport(
            settings.cpus,
            settings.memory_mib,
            settings.disk_gib,
            self.host.arch.value,
            record.pid if record else None,
            record.image if record else None,
            record.started if record else None,
        )

    def _stored(self) -> Settings:
        try:
            return self.store.load()
        except SettingsError:  # told when something is started
            return Settings()


def _job_state(job: Job) -> RunState:
    if job.task.cancelling():
        return RunState.STOPPING
    if job.name == "recover":
        return RunState.RESTARTING
    return RunState.STARTING if job.name in STARTING_JOBS else RunState.STOPPING


def _summary(state: RunState, stage: str, failure: ErrorReport | None) -> str:
    if state is RunState.RUNNING:
        return "The engine answers"
    if state is RunState.UNREACHABLE and failure is not None:
        return f"The engine does not answer: {failure.message}"
    if state in (RunState.FAILED, RunState.PAUSED) and failure is not None:
        return failure.message
    if state is RunState.STARTING:
        return f"Slipway is starting: {stage}" if stage else "Slipway is starting"
    return {
        RunState.STOPPED: "Slipway is stopped",
        RunState.PAUSED: "The machine is paused",
        RunState.STOPPING: "Slipway is stopping",
        RunState.RESTARTING: "The machine ended unexpectedly and is being started again",
    }.get(state, state.value)
