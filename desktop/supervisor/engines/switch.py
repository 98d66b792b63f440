"""The switch from one engine to another.

    IDLE ─► STARTING ─► HANDING_OVER ─► STOPPING ─► IDLE
                │             │
                │             └─► RETURNING ─► IDLE      the new one does not answer where the user asks
                └────────────────► IDLE                  it does not start, or the switch is cancelled

STARTING       the new one comes up beside the old one, which is in use
HANDING_OVER   connections wait; the new one becomes the one in use, and has to answer at the user's own socket
RETURNING      the old one, which still runs, is in use again
STOPPING       the old one is stopped, unless both are to run

The one lasting effect is the record of which engine is in use, written in HANDING_OVER. Whatever kills the process
in between leaves one of the two in use, and the next one stops what nobody uses (:meth:`Engines.open`).
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, cast

from desktop.control.schema import Event
from desktop.supervisor.context import Emit
from desktop.supervisor.engines.main_gate import MainGate
from desktop.supervisor.engines.record import EngineRecord
from desktop.supervisor.lifecycle.lifecycle import Engine, Lifecycle
from vm.errors import EngineError, UserError
from vm.shielded import shielded

log = logging.getLogger(__name__)

ANSWER_SECONDS = 60.0
"""For the new engine's first answer at the user's socket; it has answered at its own before."""


class Step(StrEnum):
    """How far a switch is."""

    IDLE = "idle"
    STARTING = "starting"
    HANDING_OVER = "handing over"
    RETURNING = "returning"
    STOPPING = "stopping"


_S = Step
TRANSITIONS = {
    _S.IDLE: frozenset({_S.STARTING}),
    _S.STARTING: frozenset({_S.HANDING_OVER, _S.IDLE}),
    _S.HANDING_OVER: frozenset({_S.STOPPING, _S.RETURNING}),
    _S.RETURNING: frozenset({_S.IDLE}),
    _S.STOPPING: frozenset({_S.IDLE}),
}
"""From each step, those that may follow."""


class Connections(Protocol):
    """The user's endpoint, as far as its connections can be ended."""

    async def cut(self, error: EngineError) -> None:
        """End those that lead to an engine."""
        ...


@dataclass(frozen=True)
class Unit:
    """One engine that can be used.

    :ivar title: what its containers are called: ``Linux containers``.
    :ivar os: what it has to say of itself, as Docker's API calls it; empty: whatever it likes.
    :ivar require: raises why it cannot be started, when that is known without trying.
    :ivar socket: see :class:`~desktop.control.schema.EngineState`.
    """

    name: str
    title: str
    os: str
    lifecycle: Lifecycle
    require: Callable[[], Awaitable[None]]
    socket: str = ""


class Switch:
    """One at a time; what runs it sees to that.

    :param engine: the engine through the user's own socket.
    :param keep_both: whether the one that is left goes on running.
    :param notify: called after each step.
    :ivar step: how far it is.    :ivar target: the engine that is switched to; empty while idle.
    """

    def __init__(
        self,
        gate: MainGate,
        connections: Connections,
        record: EngineRecord,
        engine: Engine,
        keep_both: Callable[[], bool],
        notify: Callable[[], None],
    ) -> None:
        self._gate = gate
        self._connections = connections
        self._record = record
        self._engine = engine
        self._keep_both = keep_both
        self._notify = notify
        self.step = Step.IDLE
        self.target = ""

    async def run(self, old: Unit, new: Unit, emit: Emit) -> str:
        """From one to the other; the outcome for the user.

        :raise UserError: the new one cannot be used; the old one is as it was.
        """
        await new.require()
        self.target = new.name
        running = new.lifecycle.up
        self._enter(Step.STARTING)
        try:
            await follow(new.lifecycle.start(), emit)
        except BaseException:
            await shielded(self._give_up(new, running=running))
            raise
        return await shielded(self._hand_over(old, new, emit, running=running))

    async def _give_up(self, new: Unit, *, running: bool) -> None:
        """The new one has not come up, or nobody waits for it any more."""
        self._enter(Step.IDLE)
        if not running:
            await quietly_stop(new)

    async def _hand_over(self, old: Unit, new: Unit, emit: Emit, *, running: bool) -> str:
        self._enter(Step.HANDING_OVER)
        emit(Event("progress", f"handing over to {new.title}"))
        try:
            self._gate.hold(f"Slipway is switching to {new.title}")
            self._record.write(new.name)
            await self._lead_to(new)
            answer = await self._engine.wait_ready(ANSWER_SECONDS)
            if new.os and answer.os != new.os:
                raise EngineError(f"An engine for {answer.os} answers, not one for {new.os}")
        except UserError as error:
            await self._return(old, new, running=running)
            raise EngineError(
                f"The switch to {new.title} has failed, and {old.title} are in use: {error.message}",
                error.hint,
                error.detail,
            ) from error
        self._enter(Step.STOPPING)
        outcome = f"{new.title} are in use: Moby {answer.version}, {answer.os}/{answer.arch}"
        try:
            if not self._keep_both():
                emit(Event("progress", f"stopping the engine for {old.title}"))
                await follow(old.lifecycle.stop(), emit)
        except UserError as error:
            outcome += f"\nThe engine for {old.title} could not be stopped: {error.message}. {error.hint}"
        finally:
            self._enter(Step.IDLE)
        return outcome

    async def _return(self, old: Unit, new: Unit, *, running: bool) -> None:
        self._enter(Step.RETURNING)
        try:
            if self._gate.in_use != old.name:
                self._record.write(old.name)
        except UserError as error:
            log.error("%s %s: %s are in use when Slipway starts next", error.message, error.detail, new.title)
        finally:
            await self._lead_to(old)
            self._enter(Step.IDLE)
        if not running:
            await quietly_stop(new)

    async def _lead_to(self, unit: Unit) -> None:
        """No connection outlives this, unless it leads there already: what it is told next has to go there."""
        if self._gate.in_use != unit.name:
            await self._connections.cut(EngineError(f"Slipway has switched to {unit.title}", "Try again."))
        self._gate.use(unit.name)

    def _enter(self, step: Step) -> None:
        if step not in TRANSITIONS[self.step]:
            raise AssertionError(f"no way from {self.step} to {step}")
        log.info("switch to %s: %s → %s", self.target, self.step, step)
        self.step = step
        if step is Step.IDLE:
            self.target = ""
        self._notify()


async def follow(events: AsyncIterator[Event], emit: Emit) -> None:
    """Pass the events of other work on, up to its end. :raise UserError: it has failed."""
    async with aclosing(cast(Any, events)) as stream:
        async for event in stream:
            if event.kind == "error":
                raise event.error.to_error()
            if event.kind != "done":
                emit(event)


async def quietly_start(unit: Unit) -> None:
    """Start an engine beside the one in use; a failure is logged, and told by its state."""
    try:
        await unit.require()
        await follow(unit.lifecycle.start(), lambda event: None)
    except UserError as error:
        log.warning("the engine for %s could not be started: %s", unit.title, error.message)


async def quietly_stop(unit: Unit) -> None:
    """Stop an engine that nobody uses; a failure is only logged."""
    try:
        await follow(unit.lifecycle.stop(), lambda event: None)
    except UserError as error:
        log.warning("the engine for %s could not be stopped: %s", unit.title, error.message)
