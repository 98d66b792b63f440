"""One start, stage by stage, from nothing to an API call answered through the user's own socket.

Every stage is timed. A failure names its stage; a cancellation at any point leaves no machine behind.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from desktop.control.schema import AcceleratorReport, Boot, Event, StageReport
from desktop.settings.schema import Settings
from desktop.supervisor.folders import by_virtiofs, file_server, shared
from desktop.supervisor.jobs import Emit
from desktop.supervisor.preferences import merged
from desktop.supervisor.surroundings import archive, in_use
from engine.folders import table
from engine.linux import ENGINE_ROOTFS
from engine.proxies import json_variables, to_daemon
from engine.trust import Trust
from vm.boot import Stage
from vm.disk import DataDisk
from vm.errors import UserError
from vm.files import write_atomically
from vm.host import Host
from vm.host.paths import Paths
from vm.image.build import build
from vm.image.store import ImageStore
from vm.qemu.accelerator import Trial, Verdict, choose
from vm.qemu.process import QemuBinary, find_qemu
from vm.spec import Accelerator, Arch, BootFiles, DiskSpec, MachineSpec

TITLES = {
    "image": "finding the system image",
    "disk": "preparing the data disk",
    "accelerator": "looking for hardware acceleration",
    "qemu": "starting QEMU",
    "init": "booting Linux",
    "modules": "loading modules",
    "data": "mounting the data disk",
    "network": "setting up the network",
    "services": "starting the services",
    "link": "connecting to the machine",
    "sshd": "starting the services",
    "containerd": "starting containerd",
    "dockerd": "starting dockerd",
    "socket": "waiting for the engine's first answer",
}
"""What goes on until the stage of that name is reached, for a person."""

ORDER = tuple(TITLES)


class Timeline:
    """The stages of one start as they are reached, told to the followers and kept for the waterfall."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit
        self._began = time.monotonic()
        self.wall = time.time()
        self.stages: list[StageReport] = []
        self.doing = ""
        self._machine_began = 0.0

    def announce(self, name: str) -> None:
        """Tell what goes on now."""
        self.doing = TITLES.get(name, name)
        self._emit(Event("progress", self.doing))

    def progress(self, text: str, fraction: float | None) -> None:
        """Tell how far the present stage is."""
        self._emit(Event("progress", text, fraction))

    @asynccontextmanager
    async def stage(self, name: str) -> AsyncIterator[None]:
        """Time what is done inside; the first answer is announced once dockerd is up."""
        if name != "socket":
            self.announce(name)
        yield
        self._reached(name, time.monotonic() - self._began)

    def machine_begins(self) -> None:
        """The machine's own clock of stages starts now."""
        self._machine_began = time.monotonic() - self._began
        self.announce("qemu")

    def machine_stage(self, stage: Stage) -> None:
        """A stage the machine reports; those behind the first answer come too late to count."""
        if self.stages and self.stages[-1].name == "socket":
            return
        self._reached(stage.name, self._machine_began + stage.seconds)
        if stage.name in ORDER[:-1]:
            self.announce(ORDER[ORDER.index(stage.name) + 1])

    @property
    def total(self) -> float:
        """Seconds from the start to the last stage reached."""
        return self.stages[-1].seconds if self.stages else 0.0

    def boot(self, accelerator: str, image: str) -> Boot:
        """This start, for the record."""
        return Boot(self.wall, self.total, accelerator, image, tuple(self.stages))

    def _reached(self, name: str, seconds: float) -> None:
        report = StageReport(name, round(seconds, 3), round(max(0.0, seconds - self.total), 3))
        self.stages.append(report)
        self._emit(Event("stage", name, stage=report))


class Startup:
    """Turns settings into a machine's specification: finds or makes every part it needs."""

    def __init__(self, paths: Paths, host: Host, trust: Trust) -> None:
        self._paths = paths
        self._host = host
        self._trust = trust
        self.verdict: Verdict | None = None

    async def prepare(self, settings: Settings, line: Timeline, failure: UserError | None) -> MachineSpec:
        """The image, the disk and the accelerator, each a timed stage.

        :param failure: how the machine ended when it ran last, if it ended badly.
        :raise UserError: what is missing or broken, with what to do.
        """
        await asyncio.to_thread(self._paths.prepare)
        arch = self._host.arch
        async with line.stage("image"):
            qemu = await asyncio.to_thread(find_qemu, arch, self._host)
            boot = await self._image(arch, settings, line)
        disk = DiskSpec(self._paths.data_disk, settings.disk_gib)
        async with line.stage("disk"):
            await DataDisk(self._paths.data_disk, self._host).ensure(disk)
        async with line.stage("accelerator"):
            self.verdict = await self._accelerator(settings, qemu, boot)
        server, unshared = await asyncio.to_thread(file_server, settings, self._host, failure)
        line.machine_begins()
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
            config=await asyncio.to_thread(self._config, settings),
            file_server=server,
            shares=await asyncio.to_thread(by_virtiofs, shared(settings, self._host)) if server else (),
            unshared=unshared,
        )

    async def recall(self, accelerator: Accelerator, image: str, settings: Settings) -> None:
        """Find the verdict again under which a machine was started that has been taken over.

        :param image: version of the system image it was booted from.
        :raise UserError: QEMU is gone meanwhile.
        """
        self.verdict = Verdict(accelerator, False)
        qemu = await asyncio.to_thread(find_qemu, self._host.arch, self._host)
        boot = await asyncio.to_thread(ImageStore(self._paths.images).find, self._host.arch, image)
        if boot is not None:
            found = await self._accelerator(settings, qemu, boot)
            self.verdict = found if found.accelerator is accelerator else self.verdict

    async def _image(self, arch: Arch, settings: Settings, line: Timeline) -> BootFiles:
        store = ImageStore(self._paths.images)
        boot = await build(arch, store, ENGINE_ROOTFS, line.progress, mirror=settings.mirror or None)
        await asyncio.to_thread(store.verify, boot)
        return boot

    async def _accelerator(self, settings: Settings, qemu: QemuBinary, boot: BootFiles) -> Verdict:
        if settings.accelerator == "auto":
            return await choose(qemu, boot, self._host, self._paths.verdicts)
        wanted = Accelerator(settings.accelerator)
        if wanted is Accelerator.TCG:
            trial = Trial(
                wanted, True, "the setting “accelerator” asks for it", "slipway settings set accelerator auto"
            )
            return Verdict(wanted, False, (trial,))
        return Verdict(wanted, False, (Trial(wanted, True, "the setting “accelerator” asks for it, untested"),))

    def _config(self, settings: Settings) -> dict[str, Path]:
        files = {"time": self._paths.run / "time"}
        write_atomically(files["time"], f"{int(time.time())}\n".encode())
        files["folders"] = self._paths.run / "folders"
        write_atomically(files["folders"], table(shared(settings, self._host)).encode())
        files["daemon.json"] = self._paths.run / "daemon.json"
        daemon = merged(settings.daemon)
        proxies = in_use(settings, self._host)
        if proxies:
            daemon["proxies"] = to_daemon(proxies)
            files["proxy"] = self._paths.run / "proxy"
            write_atomically(files["proxy"], json_variables(proxies) + b"\n")
        write_atomically(files["daemon.json"], json.dumps(daemon, indent=1).encode())
        files["trust"] = self._paths.run / "trust"
        self._trust.handed = archive(self._host)
        write_atomically(files["trust"], self._trust.handed)
        return files


def describe(verdict: Verdict | None) -> AcceleratorReport | None:
    """The verdict as the control API tells it."""
    if verdict is None:
        return None
    return AcceleratorReport(verdict.accelerator.value, verdict.emulated, verdict.proven, verdict.why, verdict.fix)
