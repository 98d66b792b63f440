"""Reset in levels: what each deletes, said first and then done."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial

from desktop.control.schema import Event, ResetLevel
from desktop.settings.schema import Settings
from desktop.supervisor.context import Emit, Operations
from desktop.supervisor.operations.desktop_entry import DesktopEntry
from desktop.supervisor.settings import LiveSettings
from engine.contexts import remove_everywhere
from vm.host.paths import Paths
from vm.image.store import ImageStore

LEFT_OVER = ("console.log", "qemu.log")


class Reset:
    """Deletes what belongs to this installation.

    :param operations: stops the engine, and keeps it stopped meanwhile.
    :param forget: forgets what the deleted containers had mounted.
    :param end_tls: ends the TLS listener, and deletes its certificates.
    """

    def __init__(
        self,
        paths: Paths,
        settings: LiveSettings,
        operations: Operations,
        images: ImageStore,
        entry: DesktopEntry,
        forget: Callable[[], None],
        end_tls: Callable[[], Awaitable[object]],
    ) -> None:
        self._paths = paths
        self._settings = settings
        self._operations = operations
        self._images = images
        self._entry = entry
        self._forget = forget
        self._end_tls = end_tls

    def plan(self, level: ResetLevel) -> list[str]:
        """What a reset of that level does, one sentence each."""
        paths = self._paths
        settings = f"restore the default of every setting: {paths.settings}"
        login = "no longer start Slipway at login"
        data = [
            f"delete all containers, images, volumes and networks: {paths.data_disk}",
            f"delete the machine's keys and logs: {paths.keys}, {paths.logs}",
            "remove the Docker context “slipway” and restore the previous one",
        ]
        if level is ResetLevel.SETTINGS:
            return [settings, login, "keep containers, images and volumes, and keep the machine running"]
        if level is ResetLevel.DATA:
            return [*data, f"keep the settings and the machine's system image: {paths.settings}, {paths.images}"]
        images = f"delete the machine's system image, which is built again when needed: {paths.images}"
        tls = [f"turn off TLS, and delete its certificates: {paths.tls}"] if paths.tls.exists() else []
        return [*data, images, settings, login, *tls, "remove Slipway from the applications menu, if it is there"]

    async def run(self, level: ResetLevel) -> AsyncIterator[Event]:
        """Do what :meth:`plan` says."""
        if level is ResetLevel.SETTINGS:
            await self._settings.reset(self._kept)
            yield Event("done", "All settings have their defaults. Restart Slipway to apply them")
            return
        async for event in self._operations.while_stopped("reset", partial(self._delete, level)):
            yield event

    async def _delete(self, level: ResetLevel, emit: Emit) -> str:
        emit(Event("progress", "deleting"))
        failed = await asyncio.to_thread(remove_everywhere, self._paths.contexts, self._paths.docker_host)
        left = "".join(f"\nThe Docker context was left: {error.message}. {error.hint}" for error in failed)
        await asyncio.to_thread(self._delete_data)
        if level is ResetLevel.DATA:
            return "Your data was deleted; the settings were kept" + left
        await asyncio.to_thread(self._delete_images)
        await self._settings.reset(self._kept)
        await self._end_tls()
        await asyncio.to_thread(self._entry.remove_from_menu)
        return "Slipway was reset" + left

    def _delete_data(self) -> None:
        """Everything of the user's in the machine, and what belongs to it."""
        self._paths.data_disk.unlink(missing_ok=True)
        shutil.rmtree(self._paths.keys, ignore_errors=True)
        for name in LEFT_OVER:
            (self._paths.logs / name).unlink(missing_ok=True)
        self._paths.boots.unlink(missing_ok=True)
        self._forget()
        self._paths.prepare()

    def _delete_images(self) -> None:
        for image in self._images.list():
            self._images.remove(image.version)

    def _kept(self, present: Settings) -> Settings:
        """All defaults but the size of a disk that there is: it cannot shrink."""
        return Settings(disk_gib=present.disk_gib) if self._paths.data_disk.exists() else Settings()
