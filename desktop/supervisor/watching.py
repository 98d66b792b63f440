"""Changes of shared folders, for those who watch in containers: when they are told, and of which folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from desktop.settings.schema import SettingsError
from desktop.supervisor.folders import shared
from engine.file_events import FileEventForwarder
from vm.errors import LinkError
from vm.state import MachineState

if TYPE_CHECKING:
    from desktop.supervisor.app import Supervisor


class Watching:
    """A part of the supervisor, which it is given; follows the machine by itself."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        paths = supervisor.paths
        # what we write ourselves, the machine's disk above all, must not become work for the machine
        self._forwarder = FileEventForwarder(supervisor.events, self._shares, (str(paths.home), str(paths.cache)))
        supervisor.machine.changed.append(self._machine_changed)
        supervisor.machine.link_changed.append(self._forwarder.use)

    @property
    def unwatched(self) -> dict[str, str]:
        """Mounted folders of whose changes not all are told, and why."""
        return self._forwarder.unwatched

    async def close(self) -> None:
        """Watch no longer."""
        await self._forwarder.close()

    def _shares(self) -> tuple[str, ...]:
        try:
            return shared(self._supervisor.store.load(), self._supervisor.host)
        except SettingsError:  # told when something is started
            return ()

    def _machine_changed(self, _: MachineState, new: MachineState) -> None:
        machine = self._supervisor.machine
        if new is MachineState.RUNNING:
            try:
                self._forwarder.use(machine.link)
            except LinkError:
                self._forwarder.use(None)
        elif new in (MachineState.STOPPED, MachineState.FAILED):
            self._forwarder.use(None)
