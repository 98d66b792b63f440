"""The phases of Slipway's life, the ways between them, and what each means for connections and for the status.

    STOPPED ──► STARTING ──► RUNNING ⇄ PAUSED        a failed start:    STARTING ► FAILED
       │           ▲          │  │  └──► RESTARTING ► STARTING
       ├► ADOPTING ┼──────────┘  └──► RECOVERING ► RUNNING, or FAILED when it is given up
       ▲           │
    STOPPING ◄─────┴── from every phase: stop, shutdown, reset, a cancelled start

The endpoint's gate is a function of the phase and of the route to the engine, so the two cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from desktop.control.schema import RunState
from engine.endpoint.route import Route
from vm.errors import EngineError, UserError


class Phase(StrEnum):
    """Where Slipway is in its life."""

    STOPPED = "stopped"
    ADOPTING = "adopting"  # a machine that an earlier supervisor left is taken over
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    RESTARTING = "restarting"  # it is stopped, and started at once
    RECOVERING = "recovering"  # the engine ended by itself and is started again
    STOPPING = "stopping"
    FAILED = "failed"


_P = Phase
TRANSITIONS = {
    _P.STOPPED: frozenset({_P.ADOPTING, _P.STARTING, _P.STOPPING}),
    _P.ADOPTING: frozenset({_P.RUNNING, _P.PAUSED, _P.RECOVERING, _P.STOPPING, _P.STOPPED}),
    _P.STARTING: frozenset({_P.RUNNING, _P.PAUSED, _P.FAILED, _P.STOPPING}),
    _P.RUNNING: frozenset({_P.PAUSED, _P.RESTARTING, _P.RECOVERING, _P.STOPPING}),
    _P.PAUSED: frozenset({_P.RUNNING, _P.RESTARTING, _P.RECOVERING, _P.STOPPING}),
    _P.RESTARTING: frozenset({_P.STARTING, _P.FAILED, _P.STOPPING}),
    _P.RECOVERING: frozenset({_P.RUNNING, _P.PAUSED, _P.FAILED, _P.STOPPING}),
    _P.STOPPING: frozenset({_P.STOPPED, _P.FAILED}),
    _P.FAILED: frozenset({_P.STARTING, _P.RESTARTING, _P.STOPPING}),
}
"""From each phase, those that may follow."""


def require_transition(old: Phase, new: Phase) -> None:
    """:raise AssertionError: ``new`` cannot follow ``old``, which is a defect of the lifecycle."""
    if new not in TRANSITIONS[old]:
        raise AssertionError(f"no way from {old} to {new}")


RUN_STATES = {
    _P.STOPPED: RunState.STOPPED,
    _P.ADOPTING: RunState.STARTING,
    _P.STARTING: RunState.STARTING,
    _P.RUNNING: RunState.RUNNING,
    _P.PAUSED: RunState.PAUSED,
    _P.RESTARTING: RunState.STARTING,
    _P.RECOVERING: RunState.RESTARTING,
    _P.STOPPING: RunState.STOPPING,
    _P.FAILED: RunState.FAILED,
}
"""What the control API calls a phase; ``running`` only after a call through the user's socket was answered."""

START_HINT = "Start it: slipway start"

REASONS = {
    _P.ADOPTING: "Slipway is taking over the running {place}",
    _P.STARTING: "the {place} is starting",
    _P.RESTARTING: "Slipway is restarting",
    _P.RECOVERING: "the {place} ended unexpectedly and is being started again",
}
"""Completes “Slipway's engine is not ready: …” for connections that wait; ``place``: of the engine's features."""


class Gate(Protocol):
    """The endpoint's gate (:class:`engine.endpoint.Endpoint`)."""

    def open_gate(self, route: Route) -> None:
        """Let connections through to where ``route`` leads."""
        ...

    def hold(self, reason: str) -> None:
        """Make new connections wait; ``reason`` completes “Slipway's engine is not ready: …”."""
        ...

    def shut(self, error: EngineError) -> None:
        """Turn connections away, those that wait included."""
        ...


@dataclass(frozen=True)
class Opening:
    """What the gate does with a connection: ``route`` leads on, else ``error`` turns it away, else it waits."""

    route: Route | None = None
    error: EngineError | None = None
    reason: str = ""

    def apply(self, gate: Gate) -> None:
        """Move the gate so."""
        if self.route is not None:
            gate.open_gate(self.route)
        elif self.error is not None:
            gate.shut(self.error)
        else:
            gate.hold(self.reason)


def opening(
    phase: Phase, route: Route | None, failure: UserError | None, lost: str, place: str = "machine"
) -> Opening:
    """The gate in a phase.

    :param route: the way to the engine while it is within reach.
    :param lost: why it is out of reach while it runs.
    :param place: what is started and stopped with the engine.
    """
    if phase is Phase.STOPPING:
        return Opening(error=EngineError("Slipway is stopping", START_HINT))
    if phase is Phase.STOPPED:
        return Opening(error=EngineError("Slipway is stopped", START_HINT))
    if phase is Phase.PAUSED and failure is None:
        return Opening(error=EngineError("Slipway is paused", "Resume it: slipway start"))
    if phase in (Phase.FAILED, Phase.PAUSED):
        message, hint = (failure.message, failure.hint) if failure is not None else ("it failed", "")
        return Opening(error=EngineError(f"Slipway is not available: {message}", hint))
    if route is not None and phase is not Phase.RESTARTING:  # nothing new for an engine that is on its way down
        return Opening(route=route)
    return Opening(reason=REASONS[phase].format(place=place) if phase in REASONS else lost)
