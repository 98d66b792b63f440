"""System images: those in the cache, and building one, which goes on beside the machine."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

from desktop.control.schema import Event, ImageReport
from desktop.supervisor.context import CurrentSettings, Emit, GuestAccess
from desktop.supervisor.lifecycle.jobs import Job
from engine.linux import ENGINE_ROOTFS
from vm.image.recipe import load_recipe
from vm.image.source import obtain, sources
from vm.image.store import ImageStore
from vm.spec import Arch

log = logging.getLogger(__name__)


class Images:
    """The cache of system images.

    :param arch: this host's.
    """

    def __init__(self, store: ImageStore, arch: Arch, settings: CurrentSettings, guest: GuestAccess) -> None:
        self._store = store
        self._guest = guest
        self._arch = arch
        self._settings = settings
        self._builds: dict[Arch, Job] = {}

    async def report(self) -> list[ImageReport]:
        """The images in the cache."""
        recipe = load_recipe(ENGINE_ROOTFS)
        current = {recipe.version(arch) for arch in Arch}
        found = await asyncio.to_thread(self._store.list)
        return [
            ImageReport(item.version, item.arch.value, item.total_size, item.version in current, item.packages)
            for item in found
        ]

    async def build(self, arch: str | None, force: bool) -> AsyncIterator[Event]:
        """Build or download an image, or follow that; the machine that runs keeps the files it has opened."""
        wanted = Arch(arch) if arch else self._arch
        mirror = self._settings.get().mirror or None

        async def work(emit: Emit) -> str:
            def progress(text: str, fraction: float | None) -> None:
                emit(Event("progress", text, fraction))

            asked = sources(self._store, ENGINE_ROOTFS, mirror=mirror, force=force)
            image = (await obtain(wanted, ENGINE_ROOTFS, asked, progress)).image
            return f"The system image {image.version} for {image.arch} is in {image.folder}"

        job = self._builds.get(wanted)
        if job is None or job.done:
            job = self._builds[wanted] = Job(f"image build {wanted}", work)
        async for event in job.follow():
            yield event

    async def prune(self) -> str:
        """Delete versions that are no longer needed, after a start; nothing to tell the user about it."""
        record = self._guest.record
        in_use = () if record is None else (record.image,)
        removed = await asyncio.to_thread(self._store.prune, in_use)
        if removed:
            log.info("system images that are no longer needed were deleted: %s", ", ".join(removed))
        return ""

    async def cancel_builds(self) -> None:
        """End the builds that are under way; nothing half-made is left."""
        await asyncio.gather(*(job.cancel() for job in self._builds.values() if not job.done))
