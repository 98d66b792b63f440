"""What can be asked of the stand-in besides its life and its settings: plausible answers, and reset."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace

from desktop.control.schema import (
    MOUNTED,
    BundleFile,
    CallerEnvironment,
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
from engine.context_store import DEFAULT
from engine.contexts import NAME
from vm.errors import DiskError, MachineError
from vm.host import Host
from vm.host.paths import Paths, docker_address

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
        self._looked = 0
        self._paths = paths
        self._host = host
        self._entry = entry
        self._lifecycle = lifecycle
        self._settings = settings
        self._world = world
        self._contexts: dict[str, str] = {}

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
        """A log of one line; that of Windows gets a second one while it is looked at."""
        if source == "windows":
            self._looked += 1
            lines = ("info    API listen\n", "warning a second line\n")
            text = "".join(lines[offset : 1 if self._looked <= 2 else 2])
            return LogPart(text, offset + text.count("\n"))
        text = f'level=info msg="{source} has started"\n'
        return LogPart(text[offset:], len(text))

    async def diagnose(self, caller: CallerEnvironment) -> list[Check]:
        """The real checks, of this host and of the stand-in's status, for the client's environment."""
        return await diagnose(await self._installation(caller))

    async def bundle(self, caller: CallerEnvironment) -> list[BundleFile]:
        """The real bundle."""
        report = self._docker_context(caller)
        return await collect(await self._installation(caller), report, self._lifecycle.boots, self.guest_log)

    async def _installation(self, caller: CallerEnvironment) -> Context:
        return Context(
            self._paths,
            self._host,
            self._settings.resolved(),
            await self._lifecycle.status(),
            caller.within(os.environ),
            folders=self.folders(),
        )

    # -- the Docker context -------------------------------------------------------------------------------------

    def context(self, caller: CallerEnvironment) -> ContextReport:
        """Which engine the client's docker command would talk to, as its variables and the stand-in have it."""
        own = self._paths.docker_host
        chosen = self._contexts.get(caller.docker_config, DEFAULT)
        current, override = chosen, ""
        if caller.docker_host:
            current, override = DEFAULT, f"DOCKER_HOST={caller.docker_host}"
        elif caller.docker_context:
            current, override = caller.docker_context, f"DOCKER_CONTEXT={caller.docker_context}"
        default = docker_address(self._host.default_docker_socket)
        address = caller.docker_host or {NAME: own, DEFAULT: default}.get(current, "")
        previous = DEFAULT if current == NAME else ""
        return ContextReport(current, address, address == own, address == own, override, previous, (DEFAULT, NAME))

    async def _docker_context(self, caller: CallerEnvironment) -> ContextReport:
        return self.context(caller)

    def with_note(self, event: Event, caller: CallerEnvironment) -> Event:
        """An event of a start; the last one says which other engine the client's docker command uses."""
        report = self.context(caller)
        if event.kind != "done" or report.ours:
            return event
        note = f"docker uses the context “{report.current}”. To use Slipway: slipway context use"
        return replace(event, text=f"{event.text}\n{note}")

    def use_context(self, caller: CallerEnvironment) -> Note:
        """Make ``slipway`` current."""
        self._contexts[caller.docker_config] = NAME
        return Note("docker uses the context “slipway” now")

    def restore_context(self, caller: CallerEnvironment) -> Note:
        """Make the one before current again."""
        self._contexts.pop(caller.docker_config, None)
        return Note("docker uses the context “default” again")

    def change_helpers(self, caller: CallerEnvironment, repair: bool) -> Note:
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
