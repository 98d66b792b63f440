"""The data disk: its figures, its growth, which cannot be undone, and its check."""

from __future__ import annotations

import asyncio

from desktop.control.schema import DiskReport, Note
from desktop.supervisor.context import Change, CurrentSettings
from vm.disk import GIB, DataDisk
from vm.host import Host
from vm.host.paths import Paths
from vm.machine import Machine


class Disk:
    """The disk of this installation.

    :param machine: grows it, running or not.
    """

    def __init__(self, paths: Paths, host: Host, settings: CurrentSettings, machine: Machine) -> None:
        self._path = paths.data_disk
        self._home = paths.home
        self._host = host
        self._settings = settings
        self._machine = machine
        self._disk = DataDisk(paths.data_disk, host)

    async def report(self) -> DiskReport:
        """The disk's figures."""
        if not await asyncio.to_thread(self._path.exists):
            size = self._settings.resolved().disk_gib * GIB
            free = self._host.free_bytes(self._home)
            return DiskReport(str(self._path), False, size, host_free=free, note="“slipway start” creates it.")
        info = await self._disk.info()
        return DiskReport(str(info.path), True, info.virtual_size, info.allocated, info.free)

    async def grow(self, gib: int) -> Note:
        """Enlarge the disk and keep its size in the settings; nothing on it is lost.

        :raise UserError: it would shrink, or cannot be done.
        """
        await self._settings.change({"disk_gib": str(gib)})
        return Note(f"The data disk has {gib} GiB")

    async def check(self, repair: bool) -> DiskReport:
        """Check the disk of the stopped machine.

        :raise DiskError: it is in use or cannot be opened.
        """
        found = await self._disk.check(repair)
        info = await self._disk.info()
        note = f"{found.corruptions} errors, {found.leaks} leaked clusters" + (
            ", repaired" if found.repaired else ""
        )
        return DiskReport(str(info.path), True, info.virtual_size, info.allocated, info.free, found.health, note)

    async def require_growth(self, change: Change) -> None:
        """A check of settings. :raise DiskError: the disk would shrink."""
        if "disk_gib" in change.touched and await asyncio.to_thread(self._path.exists):
            DataDisk.require_growth((await self._disk.info()).virtual_size, change.after.disk_gib)

    async def apply_growth(self, change: Change) -> None:
        """The last effect of a change of settings, which cannot be undone.

        :raise UserError: it cannot be grown; its size is as before.
        """
        if "disk_gib" not in change.touched or not await asyncio.to_thread(self._path.exists):
            return
        if (await self._disk.info()).virtual_size != change.after.disk_gib * GIB:
            await self._machine.grow_disk(change.after.disk_gib)
