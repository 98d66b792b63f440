"""Reset in levels: what each deletes, said first and then done."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from functools import partial

from desktop.control.schema import Event, ResetLevel
from desktop.settings.schema import Settings
from desktop.supervisor.context import Emit, Operations
from desktop.supervisor.operations.desktop_entry import DesktopEntry
from desktop.supervisor.settings import LiveSettings
from engine.contexts import remove_everywhere
from vm.errors import UserError
from vm.host.paths import Paths
from vm.image.store import ImageStore

LEFT_OVER = ("console.log", "qemu.log")


class Reset:
    """Deletes what belongs to this installation.

    :param operations: stops the engine, and keeps it stopped meanwhile.
    :param forget: forgets what the deleted containers had mounted.
    :param end_tls: ends the TLS listener, and deletes its certificates.
    :param end_cluster: takes the context of Kubernetes out of the user's kubeconfig.
    """

    def __init__(
        self,
        paths: Paths,
        settings: LiveSettings,
        operations: Operations,
        images: Iterable[ImageStore],
        entry: DesktopEntry,
        forget: Callable[[], None],
        end_tls: Callable[[], Awaitable[object]],
        end_cluster: Callable[[], Awaitable[None]],
    ) -> None:
        self._paths = paths
        self._settings = settings
        self._operations = operations
        self._images = tuple(images)
        self._entry = entry
        self._forget = forget
        self._end_tls = end_tls
        self._end_cluster = end_cluster

    def plan(self, level: ResetLevel) -> list[str]:
        """What a reset of that level does, one sentence each."""
        paths = self._paths
        settings = f"restore the default of every setting: {paths.settings}"
        login = "no longer start Slipway at login"
        data = [
            f"delete all containers, images, volumes and networks: {paths.data_disk}",
            f"delete the machine's keys and logs: {paths.keys}, {paths.logs}",
            "remove the contexts “slipway” of docker and kubectl, and restore the previous one of docker",
        ]
        if level is ResetLevel.SETTINGS:
            return [settings, login, "keep containers, images and volumes, and keep the machine running"]
        if level is ResetLevel.DATA:
            return [*data, f"keep the settings and the machine's system image: {paths.settings}, {paths.images}"]
        images = (
            "delete the machine's images, which are built again when needed: "
            f"{paths.images}, {paths.kubernetes_images}"
        )
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
        try:
            await self._end_cluster()
        except UserError as error:
            left += f"\nThe context of kubectl was left: {error.message}. {error.hint}"
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
        for store in self._images:
            for image in store.list():
                store.remove(image.version)

    def _kept(self, present: Settings) -> Settings:
        """All defaults but the size of a disk that there is: it cannot shrink."""
        return Settings(disk_gib=present.disk_gib) if self._paths.data_disk.exists() else Settings()
