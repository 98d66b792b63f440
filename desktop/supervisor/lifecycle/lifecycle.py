"""The lifecycle: brings the active backend up and down, and is the only writer of phase, failure and gate.

One piece of work at a time changes it (jobs.py): asking for what is under way joins it, stopping cancels a start,
everything else waits for its turn. What the backend reports in between is applied at once; an engine that ends by
itself is started again, by a job of its own.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Protocol

from desktop.control.schema import Boot, Event, Note
from desktop.supervisor.context import Emit, Work
from desktop.supervisor.lifecycle.boot_timeline import BootTimeline
from desktop.supervisor.lifecycle.health import Health, check_health
from desktop.supervisor.lifecycle.jobs import Job, cancel_for_last
from desktop.supervisor.lifecycle.phase import Gate, Opening, Phase, opening, require_transition
from desktop.supervisor.lifecycle.restart_policy import RestartPolicy
from engine.backends.base import Backend, Guest
from engine.client import Version
from vm.errors import MachineError, UserError
from vm.shielded import shielded

log = logging.getLogger(__name__)

ENGINE_SECONDS = 180.0
"""For dockerd's first answer; under emulation it takes ten, with thousands of containers more."""

MOST_DEATHS = 2
"""How often an engine may end between its start and its first answer, until the start fails."""

INTERRUPTIBLE = ("start", "restart", "recover", "adopt")
"""Jobs that a stop, a reset or the end of the process cancels; it waits for the others."""

INTERRUPTING = ("stop", "reset", "shutdown")

CANCELLABLE = ("start", "restart")
"""Jobs that the client that asked for them may cancel."""


class Engine(Protocol):
    """The engine through the user's own socket."""

    @property
    def socket(self) -> Path:
        """Where it answers."""
        ...

    async def version(self, timeout: float) -> Version:
        """:raise EngineError: no answer within ``timeout`` seconds."""
        ...

    async def wait_ready(self, timeout: float) -> Version:
        """:raise EngineError: no answer within ``timeout`` seconds."""
        ...


class Attachments(Protocol):
    """The parts, as far as they follow the engine."""

    def attach(self, guest: Guest) -> None:
        """The guest is within reach."""
        ...

    def detach(self, *, ended: bool) -> None:
        """The guest is out of reach; ``ended``: and does not come back."""
        ...

    async def prepare_stop(self) -> None:
        """The engine is about to be stopped in order, and can be reached until this returns."""
        ...


async def _answered(note: Callable[[], Awaitable[str]]) -> str:
    """A note, or why there is none: what follows from a start never ends it."""
    try:
        return await note()
    except UserError as error:
        log.warning("after the start: %s %s", error.message, error.detail)
        return f"{error.message}. {error.hint}".strip()
    except Exception as error:
        log.exception("after the start: %r failed unexpectedly", note)
        return f"Something after the start failed unexpectedly: {error!r}. See: slipway logs"


class Lifecycle:
    """Belongs to one event loop.

    :param keep: called with the timings of each start.
    :param notify: called after each change that a status would show.
    :ivar phase: where Slipway is in its life.
    :ivar failure: why it failed, or is held.
    :ivar opening: what the gate does.
    :ivar failed_stage: what was going on when a start failed.
    :ivar note: why it is stopped, when that was not asked for as such: ``The start was cancelled``.
    :ivar started: asked after each start for a note about what follows from it, such as the Docker context.
    """

    def __init__(
        self,
        backend: Backend,
        engine: Engine,
        gate: Gate,
        parts: Attachments,
        keep: Callable[[Boot], object],
        notify: Callable[[], None],
    ) -> None:
        self._backend = backend
        self._engine = engine
        self._gate = gate
        self._parts = parts
        self._keep = keep
        self._place = backend.features.place
        self._notify = notify
        self._policy = RestartPolicy()
        self._job: Job | None = None
        self._within_reach = False
        self._lost = ""
        self.phase = Phase.STOPPED
        self.failure: UserError | None = None
        self.failed_stage = ""
        self.note = ""
        self._asked = False
        self.opening = Opening()
        self.started: list[Callable[[], Awaitable[str]]] = []

    # -- what can be asked of it --------------------------------------------------------------------------------

    def open(self, *, adopt: bool) -> None:
        """Begin.

        :param adopt: an earlier supervisor has left something, which is taken over or cleaned up.
        """
        self._apply_gate()
        if adopt:
            self._begin("adopt", self._adopt)

    def start(self) -> AsyncIterator[Event]:
        """Start, or join what is already bringing the engine up."""
        return self._ask("start", self._start)

    def stop(self) -> AsyncIterator[Event]:
        """Stop, cancelling a start."""
        return self._ask("stop", self._stop)

    async def cancel_start(self) -> Note:
        """Cancel the start or restart under way, unless another client follows it too; wait until it is undone."""
        job = self.job
        return await cancel_for_last(job if job is not None and job.name in CANCELLABLE else None)

    def restart(self) -> AsyncIterator[Event]:
        """Stop and start; connections to the socket wait meanwhile."""
        return self._ask("restart", self._restart)

    def while_stopped(self, name: str, work: Work) -> AsyncIterator[Event]:
        """Stop, then do ``work``, under which nothing can start the engine (``Operations`` in context.py)."""

        async def stopped(emit: Emit) -> str:
            await self._take_down(Phase.STOPPING, emit)
            try:
                return await work(emit)
            finally:
                self._enter(Phase.STOPPED)

        return self._ask(name, stopped)

    async def settle(self) -> None:
        """Stop whatever runs, for an orderly end of the process."""
        while self.job is not None:
            await self._clear_the_way("shutdown")
        try:
            await self._stop(lambda event: None)
        except UserError as error:
            log.error("%s %s", error.message, error.detail)

    async def health(self, *, all_hops: bool = False) -> Health:
        """Make a real call through the user's socket; name the hop that fails."""
        return await check_health(self._backend, self._engine, all_hops=all_hops)

    @property
    def up(self) -> bool:
        """Whether the engine runs, started with the settings of that moment."""
        return self._backend.up

    def wanted(self) -> bool:
        """Whether something runs here, or somebody has asked for that since this process began."""
        return self._asked or self.phase is not Phase.STOPPED or self.job is not None

    @property
    def job(self) -> Job | None:
        """The work under way."""
        return self._job if self._job is not None and not self._job.done else None

    def when_idle(self, act: Callable[[], object]) -> None:
        """Call ``act`` when the work under way has ended; at once when there is none."""
        if (job := self.job) is None:
            act()
        else:
            job.task.add_done_callback(lambda _: act())

    # -- jobs ---------------------------------------------------------------------------------------------------

    async def _ask(self, name: str, work: Work) -> AsyncIterator[Event]:
        """Do ``work`` as the one job, or follow the one under way when it does the same.

        It goes on when those who follow it go away.
        """
        self._asked = True
        while (job := self.job) is not None:
            if job.name == name or (name == "start" and job.name in ("restart", "recover")):
                break
            await self._clear_the_way(name)
        else:
            job = self._begin(name, work)
        async for event in job.follow():
            yield event

    def _begin(self, name: str, work: Work) -> Job:
        async def guarded(emit: Emit) -> str:
            try:
                return await work(emit)
            except UserError:
                raise
            except BaseException as error:  # cancelled, or unforeseen: leave nothing half-started
                await shielded(self._undo())
                if isinstance(error, asyncio.CancelledError) and name in CANCELLABLE:
                    self.note = f"The {name} was cancelled"
                raise

        job = self._job = Job(name, guarded, pinned=True, tell=self._notify)
        job.task.add_done_callback(lambda _: self._recover_if_ended())
        return job

    async def _clear_the_way(self, name: str) -> None:
        job = self.job
        if job is None:
            return
        if name in INTERRUPTING and job.name in INTERRUPTIBLE:
            await job.cancel()
        else:
            await asyncio.wait([job.task])

    def _recover_if_ended(self) -> None:
        """What ends by itself while a job is under way is seen when the job has ended."""
        if self.phase in (Phase.RUNNING, Phase.PAUSED) and not self._backend.up and self.job is None:
            self._begin("recover", self._recover)

    async def _start(self, emit: Emit) -> str:
        self._policy.forgive()
        if self.phase is Phase.PAUSED:
            await self._backend.resume()
        if self._backend.up:
            found = await self.health()
            if found.failure is not None:
                raise found.failure.to_error()
            return "Slipway is already running"
        if self.phase in (Phase.RUNNING, Phase.PAUSED):  # it has just ended by itself
            return await self._recover(emit)
        return await self._boot(emit, Phase.STARTING)

    async def _stop(self, emit: Emit) -> str:
        if self.phase is Phase.STOPPED:
            return "Slipway is already stopped"
        await self._take_down(Phase.STOPPING, emit)
        self._enter(Phase.STOPPED)
        return "Slipway is stopped"

    async def _restart(self, emit: Emit) -> str:
        if self.phase is not Phase.STOPPED:
            await self._take_down(Phase.RESTARTING, emit)
        self._policy.forgive()
        return await self._boot(emit, Phase.STARTING)

    async def _adopt(self, emit: Emit) -> str:
        self._enter(Phase.ADOPTING)
        emit(Event("progress", f"taking over the running {self._place}"))
        if not await self._backend.adopt():
            self._enter(Phase.STOPPED)
            return "The remains of the last run were cleaned up"
        try:
            await self._first_answer()
        finally:
            if self.phase is Phase.ADOPTING:
                self._enter(Phase.RUNNING)
        return f"The running {self._place} was taken over"

    async def _recover(self, emit: Emit) -> str:
        cause = self._backend.failure or self.failure
        self._enter(Phase.RECOVERING)
        while (pause := self._policy.next_pause()) is not None:
            await asyncio.sleep(pause)
            try:
                return await self._boot(emit, Phase.RECOVERING)
            except UserError as error:
                log.error("the restart failed: %s %s", error.message, error.detail)
                cause = error
                if self._backend.up:  # it runs, but does not answer: something to look into
                    raise
        cause = cause or MachineError("The engine ended unexpectedly")
        self._fail(cause, "")
        raise cause

    # -- bringing up and taking down ----------------------------------------------------------------------------

    async def _boot(self, emit: Emit, phase: Phase) -> str:
        """From nothing to an answered call.

        :raise UserError: it failed; where it can be looked into it runs, else nothing is left.
        """
        if self.phase is not phase:
            self._enter(phase)
        timeline = BootTimeline(emit)
        try:
            version = await self._bring_up(timeline)
        except UserError as error:
            if self._backend.up:
                self._settle_phase()
            elif phase is Phase.STARTING:
                self._fail(error, timeline.doing)
            raise
        self._settle_phase()
        self._keep(timeline.boot())
        notes = [await _answered(note) for note in self.started]
        outcome = f"Moby {version.version} answers on {self._engine.socket} after {timeline.total:.1f} s"
        return "\n".join(filter(None, [outcome, *notes]))

    async def _bring_up(self, timeline: BootTimeline) -> Version:
        for deaths in itertools.count():
            await self._backend.start(timeline)
            try:
                async with timeline.stage("socket"):
                    return await self._first_answer()
            except UserError as error:
                if self._backend.up or deaths == MOST_DEATHS:  # it can be looked into, or it is no accident
                    raise
                log.warning("the engine ended before its first answer, and is started again: %s", error.message)
                timeline.note(f"the {self._place} ended while its engine was starting; starting it again")
        raise AssertionError("unreachable")

    async def _first_answer(self) -> Version:
        """Wait for the engine, but not longer than it lives."""
        answer = asyncio.create_task(self._engine.wait_ready(ENGINE_SECONDS))
        end = asyncio.create_task(self._backend.wait_ended())
        try:
            await asyncio.wait([answer, end], return_when=asyncio.FIRST_COMPLETED)
            if end.done():
                raise end.result() or MachineError(f"The {self._place} ended while its engine was starting")
            return await answer
        finally:
            for task in (answer, end):
                task.cancel()
            await asyncio.gather(answer, end, return_exceptions=True)

    async def _take_down(self, phase: Phase, emit: Emit) -> None:
        """Close the gate, then stop the engine, so that no client reaches it while it stops.

        :raise UserError: it cannot be ended; the phase is FAILED.
        """
        emit(Event("progress", f"stopping the containers and the {self._place}"))
        self._enter(phase)
        await shielded(self._end())

    async def _end(self) -> None:
        try:
            if self._backend.up:
                await self._parts.prepare_stop()
            self._leave(ended=True)
            await self._backend.stop()
        except UserError as error:
            self._fail(error, "")
            raise

    async def _undo(self) -> None:
        """Leave nothing of a start that was cancelled, or of work that failed in an unforeseen way."""
        if self.phase in (Phase.STOPPED, Phase.FAILED):
            return
        if self.phase is not Phase.STOPPING:
            self._enter(Phase.STOPPING)
        try:
            await self._end()
        except UserError as error:
            log.error("%s %s", error.message, error.detail)
        else:
            self._enter(Phase.STOPPED)

    # -- what the backend reports -------------------------------------------------------------------------------

    def reached(self, guest: Guest | None) -> None:
        """The engine is within reach, for the first time or again."""
        if self.phase is Phase.STOPPING:
            return  # on its way down
        self._within_reach = True
        if guest is not None:
            self._parts.attach(guest)
        self._apply_gate()

    def lost(self, reason: str) -> None:
        """It is out of reach and comes back by itself."""
        self._lost = reason
        self._leave(ended=False)
        self._apply_gate()

    def held(self, cause: UserError | None) -> None:
        """It is paused."""
        if self.phase is Phase.RUNNING:
            self._enter(Phase.PAUSED, cause)

    def resumed(self) -> None:
        """It is no longer paused."""
        if self.phase is Phase.PAUSED:
            self._enter(Phase.RUNNING)

    def ended(self, cause: UserError) -> None:
        """It has ended by itself: recover, unless a job is under way, which sees it itself."""
        log.warning("the engine ended by itself: %s", cause.message)
        self._lost = f"the {self._place} ended unexpectedly"
        self._leave(ended=True)
        self._apply_gate()
        self._recover_if_ended()

    # -- the one writer -----------------------------------------------------------------------------------------

    def _settle_phase(self) -> None:
        """After a start: the engine runs, or was held by a full disk meanwhile."""
        if self._backend.failure is not None:
            self._enter(Phase.PAUSED, self._backend.failure)
        else:
            self._enter(Phase.RUNNING)

    def _leave(self, *, ended: bool) -> None:
        self._within_reach = False
        self._parts.detach(ended=ended)

    def _fail(self, cause: UserError, stage: str) -> None:
        self._enter(Phase.FAILED, cause)
        self.failed_stage = stage

    def _enter(self, new: Phase, failure: UserError | None = None) -> None:
        require_transition(self.phase, new)
        log.info("lifecycle: %s → %s", self.phase, new)
        self.phase = new
        self.failure = failure
        self.failed_stage = ""
        self.note = ""
        self._apply_gate()

    def _apply_gate(self) -> None:
        try:
            route = self._backend.route() if self._within_reach else None
        except UserError:  # lost between two events
            route = None
        self.opening = opening(self.phase, route, self.failure, self._lost, self._place)
        self.opening.apply(self._gate)
        self._notify()
