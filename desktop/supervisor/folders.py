"""The shared folders of the one machine: which there are, when they are carried, and what is told of them."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from desktop.control.schema import FolderReport
from desktop.settings.schema import Settings, SettingsError
from engine.folders import Shares
from vm.errors import LinkError
from vm.state import MachineState

if TYPE_CHECKING:
    from desktop.supervisor.app import Supervisor
    from vm.guest.stream import Carrier
    from vm.host import Host

log = logging.getLogger(__name__)

STOP_ENGINE = "sv -w 40 force-stop /etc/sv/dockerd"
STOP_SECONDS = 45.0
"""For the containers to end while their folders are still there."""


def shared(settings: Settings, host: Host) -> tuple[str, ...]:
    """The folders that are shared, where this computer can share any."""
    return () if host.no_shared_folders else settings.shares()


class Folders:
    """A part of the supervisor, which it is given."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._shares = Shares(supervisor.paths, supervisor.host, self._machine)

    def take_up(self, settings: Settings) -> None:
        """Share what the settings say from now on."""
        self._shares.share(shared(settings, self._supervisor.host))

    def use(self, carrier: Carrier | None) -> None:
        """The machine's link has come or gone."""
        if carrier is not None and not self._shares.shares:
            try:
                self.take_up(self._supervisor.settings())
            except SettingsError as error:
                log.warning("nothing is shared: %s", error.message)
        self._shares.use(carrier)

    async def stop_engine(self) -> None:
        """End the containers while what they write can still reach this computer, before the link is cut."""
        machine = self._supervisor.machine
        if not self._shares.shares or machine.state is not MachineState.RUNNING:
            return
        try:
            async with asyncio.timeout(STOP_SECONDS):
                stream = await machine.link.open_exec(STOP_ENGINE)
                while await stream.read(4096):
                    pass
        except (LinkError, TimeoutError) as error:
            log.warning("the containers are left to the machine to stop: %s", error)

    def report(self) -> list[FolderReport]:
        """Every shared folder and how it is."""
        states = self._shares.states
        return [FolderReport(share.folder, share.place, states[share.folder]) for share in self._shares.shares]

    async def close(self) -> None:
        """Let go of the folders; the mounts wait for the next supervisor."""
        await self._shares.close()

    def _machine(self) -> tuple[int, str] | None:
        record = self._supervisor.machine.record
        return (record.pid, record.birth) if record is not None else None
