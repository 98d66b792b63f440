"""The shared folders of the one machine: which there are, when they are carried, and what is told of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from desktop.control.schema import FolderReport
from desktop.settings.schema import Settings, SettingsError
from engine.file_events.mounts_in_use import share_of
from engine.folders import SFTP, Share, Shares
from vm import spec
from vm.errors import EngineError, FolderServerEnded, LinkError, UserError
from vm.spec import FileServer
from vm.state import MachineState
from vm.virtiofs import ServerState, end_server, find, probe_server, release, root_of

if TYPE_CHECKING:
    from desktop.supervisor.app import Supervisor
    from vm.guest.stream import Carrier
    from vm.host import Host
    from vm.qemu.record import Record

log = logging.getLogger(__name__)

MOST = 16
"""Folders by virtiofs: each is a device, and the machine has places for some two dozen."""

MOST_SILENCES = 24
"""So many times five seconds a server may hang until it is given up, and the machine started anew without it."""

STOP_ENGINE = "sv -w 40 force-stop /etc/sv/dockerd"
STOP_SECONDS = 45.0
"""For the containers to end while their folders are still there."""


def shared(settings: Settings, host: Host) -> tuple[str, ...]:
    """The folders that are shared, where this computer can share any."""
    return () if host.no_shared_folders else settings.shares()


def file_server(settings: Settings, host: Host, failure: UserError | None) -> tuple[FileServer | None, str]:
    """What serves folders by virtiofs; or nothing, and why. Blocks.

    :param failure: why the machine is not running; one that virtiofs brought down does without it this time.
    """
    if isinstance(failure, FolderServerEnded):
        return None, "a folder's server ended while it was in use; it is tried again when Slipway starts next"
    if settings.folder_carrier == "sftp":
        return None, "the setting “folder_carrier” asks for SFTP"
    return find(host)


def by_virtiofs(folders: Iterable[str]) -> tuple[spec.Share, ...]:
    """Those of ``folders`` that a machine can be started with. Looks at the disk."""
    there = [Share.of(folder) for folder in folders if Path(folder).is_dir()]
    return tuple(spec.Share(share.key, Path(share.folder)) for share in there[:MOST])


class Folders:
    """A part of the supervisor, which it is given."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._shares = Shares(supervisor.paths, supervisor.host, self._machine, self._let_go, self._silent)
        self._renewing = asyncio.Lock()

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

    async def look_again(self) -> None:
        """See that a container to be made or started finds the folders that are there now.

        A server holds the folder it was started for, whatever takes that one's place, or its name.

        :raise EngineError: one cannot be mounted anew.
        """
        record = self._supervisor.machine.record
        if record is not None:
            async with self._renewing:
                for share in await asyncio.to_thread(_replaced, self._shares.shares, record.roots):
                    await self._renew(share, record)

    async def _renew(self, share: Share, record: Record) -> None:
        log.info("%s is another folder now, or none", share.folder)
        try:
            await self._shares.to_sftp(share)
        except LinkError as error:
            raise EngineError(
                f"“{share.folder}” is another folder now, and could not be mounted anew: {error.message}",
                "Try again, or start the machine anew: slipway restart",
                error.detail,
            ) from error
        record.roots.pop(share.key, None)
        record.write(self._supervisor.paths.qemu_record)

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
        states, carriers = self._shares.states, self._shares.carriers
        unwatched = self._supervisor.watching.unwatched.items()
        return [
            FolderReport(
                share.folder,
                share.place,
                states[share.folder],
                carriers.get(share.folder, ""),
                self._why(share) if carriers.get(share.folder) == SFTP else "",
                "; ".join(f"{path}: {why}" for path, why in unwatched if share_of(path, [share.folder])),
            )
            for share in self._shares.shares
        ]

    def _why(self, share: Share) -> str:
        record = self._supervisor.machine.record
        if record is None or record.unshared or self._supervisor.host.file_servers() is None:
            return record.unshared if record is not None else ""
        if share.key in record.roots:
            return f"the machine could not mount {share.folder} by it"
        return f"{share.folder} was another folder, not shared, or not there, when the machine was started"

    async def close(self) -> None:
        """Let go of the folders; the mounts wait for the next supervisor."""
        await self._shares.close()

    async def _silent(self, share: Share, times: int) -> str:
        machine = self._supervisor.machine
        if machine.record is None or machine.state is not MachineState.RUNNING:
            return "the machine does not run"
        found = await asyncio.to_thread(probe_server, machine.record, share.key, self._supervisor.host)
        if found is ServerState.HANGS and times > MOST_SILENCES:
            log.error("the server of %s is given up", share.folder)
            await end_server(machine.record, share.key, self._supervisor.host)
        return found

    async def _let_go(self, share: Share) -> None:
        record = self._supervisor.machine.record
        if record is not None:
            await release(record, share.key, self._supervisor.paths, self._supervisor.host)

    def _machine(self) -> tuple[int, str] | None:
        record = self._supervisor.machine.record
        return (record.pid, record.birth) if record is not None else None


def _replaced(shares: Iterable[Share], roots: Mapping[str, Sequence[int]]) -> list[Share]:
    """Those in whose place another folder is, or none. Looks at the disk."""
    return [one for one in shares if one.key in roots and root_of(Path(one.folder)) != roots[one.key]]
