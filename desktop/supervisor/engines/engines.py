"""All engines: what is asked of Slipway goes to the one in use, and what stops it stops all."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any, cast

from desktop.control.schema import EngineState, Event, Note
from desktop.supervisor.engines.main_gate import MainGate
from desktop.supervisor.engines.switch import Switch, Unit, quietly_start, quietly_stop
from desktop.supervisor.lifecycle.jobs import Job
from desktop.supervisor.lifecycle.lifecycle import Lifecycle
from desktop.supervisor.lifecycle.phase import RUN_STATES, Phase
from desktop.supervisor.lifecycle.status import summarise
from vm.errors import EngineError

log = logging.getLogger(__name__)


class Engines:
    """Belongs to one event loop.

    :param units: those that can be used; the first is the machine's.
    :param others: what is reported of those that cannot be used here.
    :param keep_both: whether one that is not in use runs as well.    :param used: those that have been in use.
    """

    def __init__(
        self,
        units: Sequence[Unit],
        others: Sequence[EngineState],
        gate: MainGate,
        switch: Switch,
        keep_both: Callable[[], bool],
        used: Callable[[], frozenset[str]],
        notify: Callable[[], None],
    ) -> None:
        self._units = {unit.name: unit for unit in units}
        self._others = tuple(others)
        self._gate = gate
        self._switch = switch
        self._keep_both = keep_both
        self._used = used
        self._notify = notify
        self._job: Job | None = None
        self._arranging: asyncio.Task[None] | None = None

    # -- which there are ----------------------------------------------------------------------------------------

    @property
    def in_use(self) -> Unit:
        """The one that the user's socket leads to."""
        return self._units[self._gate.in_use]

    @property
    def lifecycle(self) -> Lifecycle:
        """The life of the one in use."""
        return self.in_use.lifecycle

    @property
    def machine(self) -> Lifecycle:
        """The life of the one in the machine."""
        return next(iter(self._units.values())).lifecycle

    @property
    def lives(self) -> list[Lifecycle]:
        """Of all of them."""
        return [unit.lifecycle for unit in self._units.values()]

    @property
    def phase(self) -> Phase:
        """Where the one in use is in its life."""
        return self.lifecycle.phase

    def report(self) -> list[EngineState]:
        """Each of them, and how it is; without asking it."""
        return [*(self._state(unit) for unit in self._units.values()), *self._others]

    def _state(self, unit: Unit) -> EngineState:
        life = unit.lifecycle
        state = RUN_STATES[life.phase]
        failure = life.failure
        job = life.job
        summary = failure.message if failure is not None else summarise(state, job.stage if job else "", None)
        return EngineState(
            unit.name,
            unit.title,
            unit.os,
            state,
            summary,
            in_use=unit is self.in_use,
            switching=unit.name == self._switch.target,
            socket=unit.socket,
            used=unit.name in self._used(),
        )

    # -- what can be asked --------------------------------------------------------------------------------------

    def open(self, *, machine_left: bool) -> None:
        """Begin: take over what runs, and stop what is not in use unless both are to run.

        :param machine_left: an earlier supervisor has left something of the machine's.
        """
        for unit in self._units.values():
            unit.lifecycle.open(adopt=machine_left or unit.lifecycle is not self.machine)
        self.arrange()

    def arrange(self) -> None:
        """Stop what is not in use, or start it if both are to run; a switch under way does so itself."""
        if len(self._units) > 1 and self._switching is None:
            before = self._arranging
            self._arranging = asyncio.create_task(
                self._arrange(before), name="stop or start engines that are not in use"
            )

    async def _arrange(self, before: asyncio.Task[None] | None) -> None:
        if before is not None:
            await asyncio.wait([before])
        for unit in self._units.values():
            if (job := unit.lifecycle.job) is not None:
                await asyncio.wait([job.task])
        for unit in self._units.values():
            if self._switching is not None:
                return
            if unit is self.in_use:
                continue
            stopped = unit.lifecycle.phase is Phase.STOPPED
            if not self._keep_both() and not stopped:
                log.info("the engine for %s is not in use", unit.title)
                await quietly_stop(unit)
            elif self._keep_both() and stopped and self.phase is Phase.RUNNING and unit.name in self._used():
                log.info("the engine for %s is to run beside the one in use", unit.title)
                await quietly_start(unit)

    def use(self, name: str) -> AsyncIterator[Event]:
        """Switch to the engine of that name, started if need be; or join the switch under way to it.

        :raise EngineError: there is none, or it cannot be used here.
        """
        return self._use(name)

    async def _use(self, name: str) -> AsyncIterator[Event]:
        unit = self._find(name)
        while (job := self._switching) is not None:
            if job.name == f"switch to {unit.name}":
                break
            await asyncio.wait([job.task])
        else:
            if unit is self.in_use:
                async for event in self._stay(unit):
                    yield event
                return
            work = partial(self._switch.run, self.in_use, unit)
            job = self._job = Job(f"switch to {unit.name}", work, pinned=True, tell=self._notify)
        async for event in job.follow():
            yield event

    async def _stay(self, unit: Unit) -> AsyncIterator[Event]:
        """It is the one in use: only start it."""
        async for event in unit.lifecycle.start():
            yield replace(event, text=f"{unit.title} are in use") if event.kind == "done" else event

    def _find(self, name: str) -> Unit:
        if name in self._units:
            return self._units[name]
        for other in self._others:
            if other.name == name:
                raise EngineError(f"{other.title} cannot be used on this computer: {other.obstacle}", other.hint)
        known = ", ".join([*self._units, *(other.name for other in self._others)])
        raise EngineError(f"There is no engine “{name}”", f"There are: {known}")

    @property
    def _switching(self) -> Job | None:
        return self._job if self._job is not None and not self._job.done else None

    def start(self) -> AsyncIterator[Event]:
        """Start the one in use, and what is to run beside it."""
        return self._and_arrange(self.lifecycle.start())

    def restart(self) -> AsyncIterator[Event]:
        """Restart the one in use."""
        return self._and_arrange(self.lifecycle.restart())

    async def _and_arrange(self, events: AsyncIterator[Event]) -> AsyncIterator[Event]:
        async with aclosing(cast(Any, events)) as source:
            begun = False
            async for event in source:
                if not begun:
                    self.arrange()  # it waits for the start, also when this client goes away
                    begun = True
                yield event

    async def cancel_start(self) -> Note:
        """Cancel the start of the one in use, or the switch under way."""
        if (job := self._switching) is not None:
            if job.followers > 1:
                return Note("Another client waits for the switch, so it goes on")
            await job.cancel()
            return Note("The switch was cancelled")
        return await self.lifecycle.cancel_start()

    async def stop(self) -> AsyncIterator[Event]:
        """Stop all of them; a switch under way ends first."""
        await self._end_switch()
        await self._end_arranging()
        for unit in self._units.values():
            if unit is not self.in_use and unit.lifecycle.phase is not Phase.STOPPED:
                await quietly_stop(unit)
        async for event in self.lifecycle.stop():
            yield event

    async def rest(self, name: str) -> None:
        """Stop an engine that is not in use."""
        if name in self._units and self._units[name] is not self.in_use:
            await quietly_stop(self._units[name])

    async def settle(self) -> None:
        """Stop whatever runs, for an orderly end of the process."""
        await self._end_switch()
        await self._end_arranging()
        await asyncio.gather(*(unit.lifecycle.settle() for unit in self._units.values()))

    def wanted(self) -> bool:
        """Whether something runs here, or somebody has asked for that since this process began."""
        return any(unit.lifecycle.wanted() for unit in self._units.values())

    async def _end_arranging(self) -> None:
        if self._arranging is not None:
            self._arranging.cancel()
            await asyncio.gather(self._arranging, return_exceptions=True)

    async def _end_switch(self) -> None:
        if (job := self._switching) is not None:
            await job.cancel()
