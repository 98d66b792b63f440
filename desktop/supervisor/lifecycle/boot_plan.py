"""The boot plan: what the next start of the machine is given. The planner finds or makes every part of it.

Each stage is timed. Parts add what is theirs (:class:`BootPlan`); one that cannot is reported and passed over,
since what is optional never ends a start.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from desktop.control.schema import AcceleratorReport
from desktop.settings.schema import Settings
from desktop.supervisor.context import CurrentSettings
from engine.backends.base import Progress
from engine.linux import ENGINE_ROOTFS
from vm.disk import DataDisk
from vm.errors import UserError
from vm.files import write_atomically
from vm.host import Host
from vm.host.paths import Paths
from vm.image.source import obtain, sources
from vm.image.store import ImageStore
from vm.qemu.accelerator import Trial, Verdict, choose
from vm.qemu.process import QemuBinary, find_qemu
from vm.qemu.record import Record
from vm.spec import Accelerator, BootFiles, DiskSpec, FileServer, MachineSpec, Share

ASKED_FOR = "the setting “accelerator” asks for it"


@dataclass
class BootPlan:
    """What the parts add to the next start.

    :ivar settings: those of this start, with the host's defaults filled in.
    :ivar failure: how the machine ended when it ran last, if it ended badly.
    :ivar config: small files for the guest (QEMU's fw_cfg), by name.
    :ivar daemon: dockerd's daemon.json.
    :ivar shares: folders by virtiofs, which :ivar file_server serves.
    :ivar unshared: why there are none; empty when there are, or need not be.
    """

    settings: Settings
    failure: UserError | None
    config: dict[str, bytes] = field(default_factory=dict)
    daemon: dict[str, Any] = field(default_factory=dict)
    file_server: FileServer | None = None
    shares: tuple[Share, ...] = ()
    unshared: str = ""


class BootPlanner:
    """Turns the settings into a machine's specification.

    :param contribute: has the parts add to a plan.
    :param failure: how the machine ended when it ran last, if it ended badly.
    :ivar verdict: on the accelerator of the machine that runs, or ran last; None before the first.
    """

    def __init__(
        self,
        paths: Paths,
        host: Host,
        settings: CurrentSettings,
        contribute: Callable[[BootPlan], Awaitable[None]],
        failure: Callable[[], UserError | None],
    ) -> None:
        self._paths = paths
        self._host = host
        self._settings = settings
        self._contribute = contribute
        self._failure = failure
        self._images = ImageStore(paths.images)
        self.verdict: Verdict | None = None

    async def plan(self, progress: Progress) -> MachineSpec:
        """The image, the disk and the accelerator, each a timed stage; then what the parts add.

        :raise UserError: what is missing or broken, with what to do.
        """
        settings = self._settings.resolved()
        await asyncio.to_thread(self._paths.prepare)
        async with progress.stage("image"):
            qemu = await asyncio.to_thread(find_qemu, self._host.arch, self._host)
            boot = await self._image(settings, progress)
        disk = DiskSpec(self._paths.data_disk, settings.disk_gib)
        async with progress.stage("disk"):
            await DataDisk(self._paths.data_disk, self._host).ensure(disk)
        async with progress.stage("accelerator"):
            self.verdict = await self._accelerator(settings, qemu, boot)
        progress.chosen(self.verdict.accelerator.value, boot.version)
        plan = BootPlan(settings, self._failure(), daemon=merged_daemon(settings))
        await self._contribute(plan)
        return MachineSpec(
            qemu=qemu.path,
            qemu_version=qemu.version[:2],
            accelerator=self.verdict.accelerator,
            boot=boot,
            disk=disk,
            cpus=settings.cpus,
            memory_mib=settings.memory_mib,
            qmp_socket=self._paths.qmp_socket,
            control_socket=self._paths.guest_socket,
            link_socket=self._paths.link_socket,
            console_log=self._paths.console_log,
            config=await asyncio.to_thread(self._write, plan),
            file_server=plan.file_server,
            shares=plan.shares,
            unshared=plan.unshared,
        )

    async def recall(self, record: Record) -> None:
        """Find the verdict again under which a machine was started that has been taken over.

        :raise UserError: QEMU has been removed meanwhile.
        """
        accelerator = Accelerator(record.accelerator)
        self.verdict = Verdict(accelerator, False)
        qemu = await asyncio.to_thread(find_qemu, self._host.arch, self._host)
        image = await asyncio.to_thread(self._images.find, self._host.arch, record.image)
        if image is not None:
            found = await self._accelerator(self._settings.get(), qemu, image.boot)
            self.verdict = found if found.accelerator is accelerator else self.verdict

    async def _image(self, settings: Settings, progress: Progress) -> BootFiles:
        asked = sources(self._images, ENGINE_ROOTFS, mirror=settings.mirror or None)
        found = await obtain(self._host.arch, ENGINE_ROOTFS, asked, progress.note)
        await asyncio.to_thread(self._images.verify, found.image)
        return found.boot

    async def _accelerator(self, settings: Settings, qemu: QemuBinary, boot: BootFiles) -> Verdict:
        if settings.accelerator == "auto":
            return await choose(qemu, boot, self._host, self._paths.verdicts)
        wanted = Accelerator(settings.accelerator)
        if wanted is Accelerator.TCG:
            return Verdict(
                wanted, False, (Trial(wanted, True, ASKED_FOR, "slipway settings set accelerator auto"),)
            )
        return Verdict(wanted, False, (Trial(wanted, True, f"{ASKED_FOR}, untested"),))

    def _write(self, plan: BootPlan) -> dict[str, Path]:
        config = {
            **plan.config,
            "time": f"{int(time.time())}\n".encode(),
            "daemon.json": json.dumps(plan.daemon, indent=1).encode(),
        }
        files = {name: self._paths.run / name for name in config}
        for name, path in files.items():
            write_atomically(path, config[name])
        return files


def merged_daemon(settings: Settings) -> dict[str, Any]:
    """The daemon.json that the machine is given: the image's own with the user's additions."""
    defaults = json.loads((ENGINE_ROOTFS / "etc" / "docker" / "daemon.json").read_text("utf-8"))
    return {**defaults, **settings.daemon}


def describe(verdict: Verdict | None) -> AcceleratorReport | None:
    """The verdict as the control API reports it."""
    if verdict is None:
        return None
    return AcceleratorReport(verdict.accelerator.value, verdict.emulated, verdict.proven, verdict.why, verdict.fix)
