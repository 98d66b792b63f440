"""Shared folders: which there are, what carries each, and what the next start of the machine is given of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from desktop.control.schema import FolderReport
from desktop.settings.schema import Settings
from desktop.supervisor.context import GuestAccess
from desktop.supervisor.lifecycle.boot_plan import BootPlan
from desktop.supervisor.parts.base import Part
from engine.backends.base import Guest
from engine.file_events.mounts_in_use import share_of
from engine.folders import SFTP, Share, Shares, table
from vm import spec
from vm.errors import EngineError, FolderServerEnded, LinkError, UserError
from vm.host import Host
from vm.host.paths import Paths
from vm.qemu.record import Record
from vm.spec import FileServer
from vm.virtiofs import ServerState, advice, end_server, find, probe_server, release, root_of

log = logging.getLogger(__name__)

MOST = 16
"""Folders by virtiofs: each is a device, and the machine has places for some two dozen."""

MOST_SILENCES = 24
"""So many times five seconds a server may hang until it is given up, and the machine started again without it."""

STOP_ENGINE = "sv -w 40 force-stop /etc/sv/dockerd"
STOP_SECONDS = 45.0
"""For the containers to end while their folders are still there."""


class Folders(Part):
    """The folders of the one machine.

    :param unwatched: mounted folders whose changes are not all forwarded, and why.
    """

    name = "folders"

    def __init__(
        self, paths: Paths, host: Host, guest: GuestAccess, unwatched: Callable[[], Mapping[str, str]]
    ) -> None:
        self._paths = paths
        self._host = host
        self._guest = guest
        self._unwatched = unwatched
        self._shares = Shares(paths, host, self._machine, self._let_go, self._silent)
        self._renewing = asyncio.Lock()
        self._sftp_wanted = False
        self._server_ended = False

    def configure(self, settings: Settings) -> None:
        """Share what the settings say."""
        self._shares.share(settings.shares())
        self._sftp_wanted = settings.folder_carrier == "sftp"

    async def plan(self, plan: BootPlan) -> None:
        """The table of folders, and those that virtiofs carries from the start."""
        folders = plan.settings.shares()
        plan.config["folders"] = table(folders).encode()
        # Of a machine that is brought up again and again, the last failure need not be the first.
        self._server_ended = plan.failure is not None and (
            self._server_ended or isinstance(plan.failure, FolderServerEnded)
        )
        server, plan.unshared = await asyncio.to_thread(
            file_server, plan.settings, self._host, server_ended=self._server_ended
        )
        if server is not None:
            plan.file_server = server
            plan.shares = await asyncio.to_thread(by_virtiofs, folders)

    def attach(self, guest: Guest) -> None:
        """Carry the folders by this link."""
        self._shares.use(guest.link)

    def detach(self, *, ended: bool) -> None:
        """Wait for the link, or for the next machine."""
        self._shares.use(None)

    async def prepare_stop(self) -> None:
        """End the containers while what they write can still reach the host."""
        if not self._shares.shares or not self._guest.running:
            return
        try:
            async with asyncio.timeout(STOP_SECONDS):
                stream = await self._guest.link.open_exec(STOP_ENGINE)
                while await stream.read(4096):
                    pass
        except (UserError, TimeoutError) as error:
            log.warning("the containers are left to the machine to stop: %s", error)

    async def refresh(self) -> None:
        """Make sure that a container to be created or started finds the folders that are there now.

        A server holds the folder it was started for, even when another one takes its place or its name.

        :raise EngineError: one cannot be mounted again.
        """
        record = self._guest.record
        if record is not None:
            async with self._renewing:
                for share in await asyncio.to_thread(_replaced, self._shares.shares, record.roots):
                    await self._renew(share, record)

    def folders(self) -> list[FolderReport]:
        """Every shared folder and how it is."""
        states, carriers = self._shares.states, self._shares.carriers
        unwatched = self._unwatched().items()
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

    async def advised(self) -> list[FolderReport]:
        """Every shared folder and how it is, with what would make it faster where that is known."""
        reports = self.folders()
        if self._sftp_wanted or all(report.carrier != SFTP for report in reports):
            return reports
        words = await asyncio.to_thread(advice, self._host)
        return [replace(one, why=f"{one.why} ({words})") if one.why and words else one for one in reports]

    async def close(self) -> None:
        """Let go of the folders; the mounts wait for the next supervisor."""
        await self._shares.close()

    async def _renew(self, share: Share, record: Record) -> None:
        log.info("%s has been replaced or removed on the host", share.folder)
        try:
            await self._shares.to_sftp(share)
        except LinkError as error:
            raise EngineError(
                f"“{share.folder}” was replaced on the host, and could not be mounted again: {error.message}",
                "Try again, or restart the machine: slipway restart",
                error.detail,
            ) from error
        record.roots.pop(share.key, None)
        record.write(self._paths.qemu_record)

    def _why(self, share: Share) -> str:
        record = self._guest.record
        if record is None or record.unshared or self._host.file_servers() is None:
            return record.unshared if record is not None else ""
        if share.key in record.roots:
            return f"the machine could not mount {share.folder} by it"
        return f"{share.folder} was another folder, not shared, or not there, when the machine was started"

    async def _silent(self, share: Share, times: int) -> str:
        """What a server that does not answer does; one that hangs for too long is ended."""
        record = self._guest.record
        if record is None or not self._guest.running:
            return "the machine does not run"
        found = await asyncio.to_thread(probe_server, record, share.key, self._host)
        if found is ServerState.HANGS and times > MOST_SILENCES:
            log.error("the server of %s is given up", share.folder)
            await end_server(record, share.key, self._host)
        return found

    async def _let_go(self, share: Share) -> None:
        record = self._guest.record
        if record is not None:
            await release(record, share.key, self._paths, self._host)

    def _machine(self) -> tuple[int, str] | None:
        record = self._guest.record
        return (record.pid, record.birth) if record is not None else None


def file_server(settings: Settings, host: Host, *, server_ended: bool) -> tuple[FileServer | None, str]:
    """What serves folders by virtiofs; or nothing, and why. Blocks.

    :param server_ended: a server brought the machine down, and it has not been stopped and started since.
    """
    if server_ended:
        return None, "a folder's server ended while it was in use; it is tried again when Slipway starts next"
    if settings.folder_carrier == "sftp":
        return None, "the setting “folder_carrier” asks for SFTP"
    return find(host)


def by_virtiofs(folders: Iterable[str]) -> tuple[spec.Share, ...]:
    """Those of ``folders`` that a machine can be started with. Looks at the disk."""
    there = [Share.of(folder) for folder in folders if Path(folder).is_dir()]
    return tuple(spec.Share(share.key, Path(share.folder)) for share in there[:MOST])


def _replaced(shares: Iterable[Share], roots: Mapping[str, Sequence[int]]) -> list[Share]:
    """Those in whose place another folder is, or none. Looks at the disk."""
    return [one for one in shares if one.key in roots and root_of(Path(one.folder)) != roots[one.key]]
