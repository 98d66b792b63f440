"""The machine, as far as parts and operations look into it (``GuestAccess`` in context.py)."""

from __future__ import annotations

from vm.guest.stream import Link
from vm.machine import Machine
from vm.qemu.record import Record
from vm.state import MachineState


class MachineAccess:
    """Around :class:`vm.machine.Machine`, without the way to start or stop it."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    @property
    def running(self) -> bool:
        """Whether there is a guest that runs, reachable or not."""
        return self._machine.state is MachineState.RUNNING

    @property
    def link(self) -> Link:
        """The link into the guest.

        :raise StateError: the machine does not run.    :raise LinkError: the link is being made again.
        """
        return self._machine.link

    @property
    def record(self) -> Record | None:
        """QEMU's record; None when there is no machine."""
        return self._machine.record
