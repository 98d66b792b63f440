"""Everything but starting and stopping: settings, disk, images, logs, the Docker context, diagnosis and reset."""

from __future__ import annotations

import asyncio
import logging
import os
import shlex
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from desktop.control.schema import (
    BundleFile,
    Check,
    ContextReport,
    DiskReport,
    Event,
    ImageReport,
    LogPart,
    Note,
    SshReport,
)
from desktop.settings.changes import with_value
from desktop.settings.schema import Settings, SettingsError
from desktop.supervisor import docker_context
from desktop.supervisor.jobs import Emit, Job
from desktop.supervisor.reset import Reset
from engine.contexts import Contexts
from engine.helpers import Helpers
from engine.linux import ENGINE_ROOTFS, GUEST_LOGS
from vm.disk import GIB, DataDisk
from vm.errors import MachineError, UserError
from vm.guest.keys import ensure_keys, write_known_hosts
from vm.image.build import build
from vm.image.recipe import load_recipe
from vm.image.store import ImageStore
from vm.shielded import shielded
from vm.spec import Arch
from vm.state import MachineState

if TYPE_CHECKING:  # the supervisor makes the upkeep, which works on the supervisor
    from desktop.diagnostics import Context
    from desktop.supervisor.app import Supervisor

log = logging.getLogger(__name__)

GUEST_SOURCES = ("dockerd", "containerd", "sshd")
LOG_CHUNK = 1024 * 1024
"""Bytes of a guest's log that one call returns at most."""


class Upkeep:
    """Works on the parts the supervisor put together."""

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._paths = supervisor.paths
        self._host = supervisor.host
        self._machine = supervisor.machine
        self._contexts = Contexts(memory=supervisor.paths.home / "context.json")
        self._images = ImageStore(supervisor.paths.images)
        self.reset = Reset(supervisor, self._contexts, self._images)
        self._builds: dict[Arch, Job] = {}

    # -- the disk -----------------------------------------------------------------------------------------------

    async def disk(self) -> DiskReport:
        """The data disk's figures."""
        if not self._paths.data_disk.exists():
            return DiskReport(
                str(self._paths.data_disk),
                False,
                self._supervisor.settings().disk_gib * GIB,
                host_free=self._host.free_bytes(self._paths.home),
                note="“slipway start” makes it.",
            )
        info = await DataDisk(self._paths.data_disk, self._host).info()
        return DiskReport(str(info.path), True, info.virtual_size, info.allocated, info.free)

    async def grow_disk(self, gib: int) -> Note:
        """Enlarge the disk, running or not, and remember its size.

        :raise UserError: it would shrink, or cannot be done; nothing is lost.
        """
        before = self._supervisor.store.load()
        settings = with_value(before, "disk_gib", str(gib))
        if self._paths.data_disk.exists():
            size = (await DataDisk(self._paths.data_disk, self._host).info()).virtual_size
            DataDisk.require_growth(size, gib)
            if size != gib * GIB:
                await shielded(self._machine.grow_disk(gib))
        self._supervisor.store.save(settings)
        return Note(f"The data disk has {gib} GiB")

    async def check_disk(self, repair: bool) -> DiskReport:
        """Check the disk of the stopped machine.

        :raise DiskError: it is in use or cannot be opened.
        """
        disk = DataDisk(self._paths.data_disk, self._host)
        found = await disk.check(repair)
        info = await disk.info()
        note = f"{found.corruptions} errors, {found.leaks} leaked clusters" + (
            ", mended" if found.repaired else ""
        )
        return DiskReport(str(info.path), True, info.virtual_size, info.allocated, info.free, found.health, note)

    # -- system images ------------------------------------------------------------------------------------------

    async def images(self) -> list[ImageReport]:
        """The images in the cache."""
        recipe = load_recipe(ENGINE_ROOTFS)
        current = {recipe.version(arch) for arch in Arch}
        found = await asyncio.to_thread(self._images.list)
        return [
            ImageReport(item.version, item.arch.value, item.total_size, item.version in current, item.packages)
            for item in found
        ]

    async def build_image(self, arch: str | None, force: bool) -> AsyncIterator[Event]:
        """Build an image, or follow its build; runs beside the machine, which keeps the files it has opened."""
        wanted = Arch(arch) if arch else self._host.arch
        mirror = self._supervisor.store.load().mirror or None

        async def work(emit: Emit) -> str:
            boot = await build(
                wanted,
                self._images,
                ENGINE_ROOTFS,
                lambda text, fraction: emit(Event("progress", text, fraction)),
                mirror=mirror,
                force=force,
            )
            return f"The system image {boot.version} for {boot.arch} is in {boot.kernel.parent}"

        job = self._builds.get(wanted)
        if job is None or job.done:
            job = self._builds[wanted] = Job(f"image build {wanted}", work)
        async for event in job.follow():
            yield event

    async def cancel_builds(self) -> None:
        """End the builds that are under way; nothing half-made is left."""
        await asyncio.gather(*(job.cancel() for job in self._builds.values() if not job.done))

    # -- looking inside -----------------------------------------------------------------------------------------

    async def ssh(self) -> SshReport:
        """How the system's ssh reaches the guest.

        :raise StateError: the machine is not running.
        """
        record = self._machine.record
        if self._machine.state is not MachineState.RUNNING or record is None:
            raise MachineError("The machine is not running", "Start it: slipway start")
        keys = await asyncio.to_thread(ensure_keys, self._paths.keys)
        known_hosts = self._paths.keys / "known_hosts"
        await asyncio.to_thread(write_known_hosts, known_hosts, keys.host_public, record.ssh_port)
        return SshReport("127.0.0.1", record.ssh_port, "root", str(keys.client_private), str(known_hosts))

    async def guest_log(self, source: str, offset: int) -> LogPart:
        """A guest's log from byte ``offset`` on; a file that was rotated begins anew.

        :raise UserError: no such log, or the machine is not running.
        """
        if source not in GUEST_SOURCES:
            raise MachineError(
                f"There is no log “{source}” in the machine", f"There are: {', '.join(GUEST_SOURCES)}."
            )
        path = shlex.quote(f"{GUEST_LOGS}/{source}/current")
        size = await self._machine.link.run(f"stat -c %s {path}", timeout=30)
        if size.exit_code != 0:
            raise MachineError(f"The log of {source} cannot be read", detail=size.stderr.decode(errors="replace"))
        offset = offset if 0 <= offset <= int(size.stdout) else 0
        command = f"tail -c +{offset + 1} {path} | head -c {LOG_CHUNK}"
        text = (await self._machine.link.run(command, timeout=60)).stdout
        return LogPart(text.decode(errors="replace"), offset + len(text))

    async def diagnose(self) -> list[Check]:
        """Run every check."""
        from desktop.diagnostics import diagnose  # reads much that nothing else needs

        return await diagnose(await self._installation())

    async def bundle(self) -> list[BundleFile]:
        """What a support bundle would hold, without secrets."""
        from desktop.support.bundle import collect

        installation = await self._installation()
        return await collect(installation, self.context(), self._supervisor.boots.list(), self.guest_log)

    async def _installation(self) -> Context:
        from desktop.diagnostics import Context

        settings: Settings | SettingsError
        try:
            settings = self._supervisor.settings()
        except SettingsError as error:
            settings = error
        status = await self._supervisor.status(all_hops=True)
        unwatched = self._supervisor.watching.unwatched
        waiting = [one.failure for one in self._supervisor.publisher.published if one.waits]
        return Context(
            self._paths,
            self._host,
            settings,
            status,
            dict(os.environ),
            unwatched,
            waiting,
            self._supervisor.folders.report(),
        )

    # -- the Docker context -------------------------------------------------------------------------------------

    async def offer_context(self) -> str:
        """See that the context exists, and make it current if the setting says so; what to tell about it.

        A configuration of Docker's that cannot be read does not keep the engine from running.
        """
        try:
            policy = self._supervisor.store.load().context
            said = await self._contexts.offer(self._paths.docker_socket, policy)
            log.info("the Docker context: %s", said or "slipway is the current one")
            return said
        except UserError as error:
            log.warning("the Docker context: %s %s", error.message, error.detail)
            return f"{error.message}. {error.hint}"

    async def context(self) -> ContextReport:
        """Which engine the docker command talks to; it is asked.

        :raise ContextError: Docker's configuration cannot be read.
        """
        return await docker_context.report(self._contexts)

    async def use_context(self) -> Note:
        """Make ``slipway`` current."""
        said = await asyncio.to_thread(self._contexts.use, self._paths.docker_socket)
        log.info("the Docker context: %s", said)
        return Note(said)

    async def change_helpers(self, repair: bool) -> Note:
        """Take credential helpers that are missing out of Docker's configuration, or put them back."""
        helpers = Helpers(self._paths.helpers)
        said = await asyncio.to_thread(helpers.take_out if repair else helpers.put_back)
        log.info("credential helpers: %s", said)
        return Note(said)

    async def restore_context(self) -> Note:
        """Make the one before current again."""
        said = await asyncio.to_thread(self._contexts.restore)
        log.info("the Docker context: %s", said)
        return Note(said)
