"""The machine's life cycle as data: its states, the legal moves, and the error for an illegal call."""

from __future__ import annotations

from enum import StrEnum

from vm.errors import UserError


class MachineState(StrEnum):
    """Where a machine is in its life. One writer: :class:`vm.machine.Machine`."""

    STOPPED = "stopped"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    FAILED = "failed"


TRANSITIONS: dict[MachineState, frozenset[MachineState]] = {
    MachineState.STOPPED: frozenset({MachineState.STARTING}),
    MachineState.STARTING: frozenset({MachineState.RUNNING, MachineState.STOPPING, MachineState.FAILED}),
    MachineState.RUNNING: frozenset({MachineState.PAUSED, MachineState.STOPPING, MachineState.FAILED}),
    MachineState.PAUSED: frozenset({MachineState.RUNNING, MachineState.STOPPING, MachineState.FAILED}),
    MachineState.STOPPING: frozenset({MachineState.STOPPED, MachineState.FAILED}),
    MachineState.FAILED: frozenset({MachineState.STARTING, MachineState.STOPPED}),
}


class StateError(UserError):
    """A call that the present state does not allow.

    :ivar actual: the state the machine is in.
    :ivar required: the states in which the call is legal.
    """

    def __init__(self, action: str, actual: MachineState, required: frozenset[MachineState]) -> None:
        names = " or ".join(sorted(required))
        super().__init__(
            f"The machine cannot {action} while it is {actual}",
            f"It must be {names} first.",
        )
        self.actual = actual
        self.required = required
