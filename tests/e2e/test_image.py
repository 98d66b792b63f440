"""The system image: made twice alike, and the other architecture's boots to an answering engine (both slow)."""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.linux import ENGINE_ROOTFS, GUEST_SOCKET
from vm.disk import DataDisk
from vm.errors import LinkError
from vm.guest.stream import Carrier
from vm.host import host
from vm.host.paths import Paths
from vm.image.build import build, digest
from vm.image.store import FILES, ImageStore, read_manifest
from vm.machine import Machine
from vm.qemu.process import find_qemu
from vm.spec import Accelerator, Arch, BootFiles, DiskSpec, MachineSpec

pytestmark = [
    pytest.mark.machine,
    pytest.mark.slow("four builds, and the boot of another processor"),
    pytest.mark.timeout(3000),
]

ANSWER_SECONDS = 600.0
"""For an engine under emulation of another processor."""

GOAL_BYTES = 130_000_000


def quiet(text: str, fraction: float | None) -> None:
    """Ignore the progress."""


async def make(arch: Arch, folder: Path) -> BootFiles:
    return (await build(arch, ImageStore(folder), ENGINE_ROOTFS, quiet)).boot


@pytest.mark.parametrize("arch", list(Arch))
async def test_two_builds_are_the_same_byte_for_byte(arch: Arch, tmp_path: Path) -> None:
    first = await make(arch, tmp_path / "first")
    second = await make(arch, tmp_path / "second")
    manifests = [read_manifest(boot.kernel.parent / "manifest.json") for boot in (first, second)]
    assert manifests[0].packages == manifests[1].packages, "the archive changed between the two builds"
    assert digest(first) == digest(second)
    assert set(digest(first)) == set(FILES)
    assert manifests[0].total_size <= GOAL_BYTES


@pytest.fixture
def paths() -> Iterator[Paths]:
    """A home with a short path, and the user's image cache."""
    with tempfile.TemporaryDirectory(prefix="slipway-", dir="/tmp") as folder:
        made = Paths(Path(folder), host().paths().cache)
        made.prepare()
        yield made


async def test_the_arm64_image_boots_to_an_answering_engine(paths: Paths) -> None:
    boot = await make(Arch.ARM64, paths.images)
    disk = DiskSpec(paths.data_disk, 8)
    await DataDisk(paths.data_disk, host()).ensure(disk)
    qemu = find_qemu(Arch.ARM64, host())
    machine = Machine(paths, host())
    spec = MachineSpec(
        qemu=qemu.path,
        qemu_version=qemu.version[:2],
        accelerator=Accelerator.TCG,
        boot=boot,
        disk=disk,
        cpus=2,
        memory_mib=2048,
        qmp_socket=paths.qmp_socket,
        control_socket=paths.guest_socket,
        console_log=paths.console_log,
    )
    await machine.start(spec)
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            version = await ask_version(machine.link)
        told = await machine.link.run("uname -m", timeout=60)
        memory = await machine.memory()
        swap = "until grep zram0 /proc/swaps; do usleep 100000; done; cat /sys/fs/cgroup/dockerd/memory.swap.max"
        limits = await machine.link.run(swap, timeout=60)
    finally:
        await machine.stop()
    assert version["Arch"] == "arm64"
    assert version["Version"].startswith("28.5")
    assert told.stdout.strip() == b"aarch64"
    assert 0 < memory.available < memory.total
    assert limits.stdout.split()[-1] == b"max"


async def ask_version(carrier: Carrier) -> dict[str, str]:
    """Ask the engine over the way into the guest; once it listens it holds the connection until it is ready."""
    while True:
        try:
            stream = await carrier.open_unix(GUEST_SOCKET)
            break
        except LinkError:  # the machine's services start side by side: sshd was first
            await asyncio.sleep(0.2)
    try:
        await stream.write(b"GET /version HTTP/1.0\r\nHost: docker\r\n\r\n")
        answer = b""
        while piece := await stream.read(65536):
            answer += piece
    finally:
        await stream.close()
    head, _, body = answer.partition(b"\r\n\r\n")
    assert b" 200 " in head.splitlines()[0], head
    told: dict[str, str] = json.loads(body)
    return told
