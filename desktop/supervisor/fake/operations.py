"""What can be asked of the stand-in besides its life and its settings: plausible answers, and reset."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator

from desktop.control.schema import (
    MOUNTED,
    BundleFile,
    Check,
    ContextReport,
    DiskReport,
    Event,
    FolderReport,
    ImageReport,
    LogPart,
    Note,
    PortReport,
    ResetLevel,
    SshReport,
)
from desktop.diagnostics import Context, diagnose
from desktop.settings.schema import Settings
from desktop.supervisor.context import Emit
from desktop.supervisor.fake.lifecycle import IMAGE, MOMENT, FakeLifecycle
from desktop.supervisor.fake.world import World
from desktop.supervisor.operations.desktop_entry import DesktopEntry
from desktop.supervisor.settings import LiveSettings
from desktop.support.bundle import collect
from vm.errors import DiskError, MachineError
from vm.host import Host
from vm.host.paths import Paths

LATER = "it was added while the machine ran"

DATA = "delete all containers, images, volumes and networks"
PLANS = {
    ResetLevel.SETTINGS: ["set all settings back to their defaults", "keep containers, images and volumes"],
    ResetLevel.DATA: [DATA, "keep the settings and the machine's system image"],
    ResetLevel.ALL: [DATA, "delete the machine's system image", "set all settings back to their defaults"],
}


class FakeOperations:
    """Answers for a machine that is not there."""

    def __init__(
        self,
        paths: Paths,
        host: Host,
        lifecycle: FakeLifecycle,
        settings: LiveSettings,
        entry: DesktopEntry,
        world: World,
    ) -> None:
        self._paths = paths
        self._host = host
        self._entry = entry
        self._lifecycle = lifecycle
        self._settings = settings
        self._world = world
        self._context = "default"

    # -- disk and images ----------------------------------------------------------------------------------------

    def disk(self) -> DiskReport:
        """The data disk's figures."""
        size = self._settings.resolved().disk_gib * 2**30
        return DiskReport("machine/data.qcow2", True, size, 9_600_000_000, 80 * 2**30, "good")

    async def grow_disk(self, gib: int) -> Note:
        """Enlarge it."""
        if gib < self._settings.get().disk_gib:
            raise DiskError("The data disk cannot shrink", "Choose a larger size.")
        await self._settings.change({"disk_gib": str(gib)})
        return Note(f"The data disk has {gib} GiB")

    def check_disk(self, repair: bool) -> DiskReport:
        """Check it."""
        if self._lifecycle.running:
            raise DiskError("The data disk is in use", "Stop the machine first: slipway stop")
        return self.disk()

    def images(self) -> list[ImageReport]:
        """The one system image."""
        return [ImageReport(IMAGE, "amd64", 180_000_000, True, {"docker.io": "28.5.2"})]

    async def build_image(self, arch: str | None, force: bool) -> AsyncIterator[Event]:
        """Build it, on a script."""
        for part in range(10):
            yield Event("progress", "building the system image", part / 10)
            await asyncio.sleep(MOMENT)
        yield Event("done", f"The system image {IMAGE} for {arch or 'amd64'} is built")

    # -- what the machine has -----------------------------------------------------------------------------------

    def ports(self) -> list[PortReport]:
        """What the world's containers publish."""
        address = "127.0.0.1" if self._settings.get().ports_local else "0.0.0.0"
        return [
            PortReport(port["Type"], address, port["PublicPort"], "172.17.0.2", port["PrivatePort"], 0, "")
            for item in self._world.containers.values()
            for port in item["Ports"]
            if "PublicPort" in port
        ]

    def folders(self) -> list[FolderReport]:
        """Folders that are mounted at once: the home folder by virtiofs, those added later by SFTP."""
        if not self._lifecycle.running:
            return []
        settings = self._settings.resolved()
        later = settings.shared_folders
        return [
            FolderReport(folder, folder, MOUNTED, *(("sftp", LATER) if folder in later else ("virtiofs", "")))
            for folder in settings.shares()
        ]

    def ssh(self) -> SshReport:
        """There is no guest."""
        raise MachineError("The stand-in has no machine to log into", "Start Slipway without SLIPWAY_FAKE.")

    # -- finding out --------------------------------------------------------------------------------------------

    async def guest_log(self, source: str, offset: int) -> LogPart:
        """A log of one line."""
        text = f'level=info msg="{source} has started"\n'
        return LogPart(text[offset:], len(text))

    async def diagnose(self) -> list[Check]:
        """The real checks, of this host and of the stand-in's status."""
        return await diagnose(await self._installation())

    async def bundle(self) -> list[BundleFile]:
        """The real bundle."""
        return await collect(
            await self._installation(), self._docker_context(), self._lifecycle.boots, self.guest_log
        )

    async def _installation(self) -> Context:
        return Context(
            self._paths,
            self._host,
            self._settings.resolved(),
            await self._lifecycle.status(),
            dict(os.environ),
            folders=self.folders(),
        )

    # -- the Docker context -------------------------------------------------------------------------------------

    def context(self) -> ContextReport:
        """Which engine the docker command would talk to."""
        ours = self._context == "slipway"
        address = f"unix://{self._paths.docker_socket}" if ours else "unix:///var/run/docker.sock"
        previous = "default" if ours else ""
        return ContextReport(self._context, address, ours, ours, "", previous, ("default", "slipway"))

    async def _docker_context(self) -> ContextReport:
        return self.context()

    def use_context(self) -> Note:
        """Make ``slipway`` current."""
        self._context = "slipway"
        return Note("docker uses the context “slipway” now")

    def restore_context(self) -> Note:
        """Make the one before current again."""
        self._context = "default"
        return Note("docker uses the context “default” again")

    def change_helpers(self, repair: bool) -> Note:
        """Nothing to change."""
        return Note("All credential helpers are installed. Nothing was changed")

    # -- reset --------------------------------------------------------------------------------------------------

    def reset_plan(self, level: ResetLevel) -> list[str]:
        """What a reset would do."""
        return PLANS[level]

    async def reset(self, level: ResetLevel) -> AsyncIterator[Event]:
        """Do it: the settings' file and the entry in the menu are real."""
        if level is ResetLevel.SETTINGS:
            await self._settings.reset(lambda _: Settings())
            yield Event("done", "All settings have their defaults")
            return

        async def work(emit: Emit) -> str:
            emit(Event("progress", "deleting"))
            if level is ResetLevel.ALL:
                await self._settings.reset(lambda _: Settings())
                await asyncio.to_thread(self._entry.set_menu, False)
            return "Slipway was reset"

        async for event in self._lifecycle.while_stopped("reset", work):
            yield event
