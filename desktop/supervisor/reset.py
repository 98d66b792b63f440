"""Reset in levels: what each takes away, said first and then done."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from functools import partial
from typing import TYPE_CHECKING

from desktop.control.schema import Event, ResetLevel
from desktop.settings.schema import Settings, SettingsError
from desktop.supervisor.jobs import Emit
from desktop.system import Launch, system
from engine.contexts import Contexts
from vm.image.store import ImageStore
from vm.shielded import shielded
from vm.state import MachineState

if TYPE_CHECKING:  # the supervisor makes it, and it works on the supervisor
    from desktop.supervisor.app import Supervisor

LEFT_OVER = ("console.log", "qemu.log")


class Reset:
    """Works on the parts the supervisor put together."""

    def __init__(self, supervisor: Supervisor, contexts: Contexts, images: ImageStore) -> None:
        self._supervisor = supervisor
        self._paths = supervisor.paths
        self._contexts = contexts
        self._images = images

    def plan(self, level: ResetLevel) -> list[str]:
        """What a reset of that level does, one sentence each."""
        paths = self._paths
        settings = f"set all settings back to their defaults: {paths.settings}"
        login = "no longer start Slipway at login"
        data = [
            f"delete all containers, images, volumes and networks: {paths.data_disk}",
            f"delete the machine's keys and logs: {paths.keys}, {paths.logs}",
            "remove the Docker context “slipway” and restore the one that was current before",
        ]
        if level is ResetLevel.SETTINGS:
            return [settings, login, "keep containers, images and volumes; the machine is not stopped"]
        if level is ResetLevel.DATA:
            return [*data, f"keep the settings and the system images: {paths.settings}, {paths.images}"]
        images = f"delete the machine's system images, which are built again when needed: {paths.images}"
        return [*data, images, settings, login, "take Slipway out of the desktop's menu, if it is there"]

    async def run(self, level: ResetLevel) -> AsyncIterator[Event]:
        """Do what :meth:`plan` says."""
        if level is ResetLevel.SETTINGS:
            await asyncio.to_thread(self._forget_settings)
            self._supervisor.take_up(self._supervisor.store.load())
            yield Event("done", "All settings have their defaults; the machine takes them up at its next start")
            return
        async for event in self._supervisor.ask("reset", partial(self._work, level), pinned=True):
            yield event

    async def _work(self, level: ResetLevel, emit: Emit) -> str:
        if self._supervisor.machine.state is not MachineState.STOPPED:
            emit(Event("progress", "stopping the containers and the machine"))
            await shielded(self._supervisor.machine.stop())
        emit(Event("progress", "deleting"))
        await asyncio.to_thread(self._contexts.remove, self._paths.docker_socket)
        await asyncio.to_thread(self._delete_data)
        if level is ResetLevel.DATA:
            return "Slipway is as new; the settings are kept"
        await asyncio.to_thread(self._delete_images)
        await asyncio.to_thread(self._forget_settings)
        await asyncio.to_thread(system().remove_from_menu, Launch.of(self._paths))
        return "Slipway is as new"

    def _delete_data(self) -> None:
        """Everything of the user's in the machine, and what belongs to it."""
        self._paths.data_disk.unlink(missing_ok=True)
        shutil.rmtree(self._paths.keys, ignore_errors=True)
        for name in LEFT_OVER:
            (self._paths.logs / name).unlink(missing_ok=True)
        self._paths.boots.unlink(missing_ok=True)
        self._supervisor.sockets.forget()
        self._paths.prepare()

    def _delete_images(self) -> None:
        for image in self._images.list():
            self._images.remove(image.version)

    def _forget_settings(self) -> None:
        """All but the size of a disk that there is: it cannot shrink."""
        system().start_at_login(Launch.of(self._paths, background=True), False)
        size = self._disk_gib() if self._paths.data_disk.exists() else Settings().disk_gib
        self._paths.settings.unlink(missing_ok=True)
        kept = Settings(disk_gib=size)
        if kept != Settings():
            self._supervisor.store.save(kept)

    def _disk_gib(self) -> int:
        try:
            return self._supervisor.store.load().disk_gib
        except SettingsError:  # the file is nonsense, which is a reason to begin anew
            return Settings().disk_gib
