"""The data disk, with the real qemu-img: made whole or not at all, grown, checked, never shrunk or overwritten."""

from __future__ import annotations

import asyncio
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from vm.disk import GIB, DataDisk, Health
from vm.errors import DiskError, HostError
from vm.host import host
from vm.spec import DiskSpec

pytestmark = pytest.mark.skipif(shutil.which("qemu-img") is None, reason="qemu-img is not installed here")


@pytest.fixture
def disk(tmp_path: Path) -> DataDisk:
    return DataDisk(tmp_path / "machine" / "data, with a comma.qcow2", host())


def files(disk: DataDisk) -> list[str]:
    return sorted(path.name for path in disk.path.parent.iterdir())


async def test_a_new_disk_is_sparse_and_private(disk: DataDisk) -> None:
    assert await disk.ensure(DiskSpec(disk.path, 64))
    info = await disk.info()
    assert info.virtual_size == 64 * GIB
    assert info.allocated < 1024**2
    assert info.free > 0
    assert disk.path.stat().st_mode & 0o777 == 0o600
    assert files(disk) == [disk.path.name]
    assert not await disk.ensure(DiskSpec(disk.path, 64))


async def test_it_grows_and_keeps_what_is_on_it(disk: DataDisk) -> None:
    await disk.create(1)
    subprocess.run(
        ["qemu-io", "-f", "qcow2", "-c", "write -P 0x5a 0 64k", disk.path], check=True, capture_output=True
    )
    await disk.grow(3)
    assert (await disk.info()).virtual_size == 3 * GIB
    read = ["qemu-io", "-f", "qcow2", "-c", "read -P 0x5a 0 64k", str(disk.path)]
    assert b"verification failed" not in subprocess.run(read, check=True, capture_output=True).stdout
    assert not await disk.ensure(DiskSpec(disk.path, 5))
    assert (await disk.info()).virtual_size == 5 * GIB


@pytest.mark.parametrize("size", [0, -1, 16385])
async def test_impossible_sizes(disk: DataDisk, size: int) -> None:
    with pytest.raises(DiskError, match="cannot be made") as caught:
        await disk.create(size)
    assert "16384" in caught.value.hint
    assert not disk.path.exists()


async def test_it_never_shrinks(disk: DataDisk) -> None:
    await disk.create(4)
    for attempt in (disk.grow(3), disk.ensure(DiskSpec(disk.path, 3))):
        with pytest.raises(DiskError, match="has 4 GiB and cannot shrink to 3 GiB"):
            await attempt
    assert (await disk.info()).virtual_size == 4 * GIB


async def test_an_existing_disk_is_never_overwritten(disk: DataDisk) -> None:
    await disk.create(1)
    with pytest.raises(DiskError, match="exists already"):
        await disk.create(2)
    assert (await disk.info()).virtual_size == GIB


async def test_a_disk_made_meanwhile_is_kept(
    disk: DataDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "qemu-img"
    program.parent.mkdir()
    genuine, target = shutil.which("qemu-img"), shlex.quote(str(disk.path))
    program.write_text(f'#!/bin/sh\n{genuine} "$@" && printf "another one" >{target}\n')
    program.chmod(0o755)
    monkeypatch.setenv("SLIPWAY_QEMU", str(program.parent))
    with pytest.raises(DiskError, match="exists already"):
        await disk.create(1)
    assert disk.path.read_bytes() == b"another one"
    assert files(disk) == [disk.path.name]


async def test_an_interrupted_creation_leaves_nothing(disk: DataDisk, tmp_path: Path) -> None:
    program = tmp_path / "bin" / "qemu-img"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\nfor last; do :; done\nshift $(($# - 2))\ntouch "$1"\nexec sleep 60\n')
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLIPWAY_QEMU", str(program.parent))
        creating = asyncio.create_task(disk.create(1))
        async with asyncio.timeout(5):
            while not (disk.path.parent.exists() and files(disk)):  # a file made by a program
                await asyncio.sleep(0.01)
        creating.cancel()
        with pytest.raises(asyncio.CancelledError):
            await creating
    assert files(disk) == []
    await disk.create(1)


async def test_a_full_host_is_told_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    full = host()
    monkeypatch.setattr(full, "free_bytes", lambda path: 3 * 1024**2)
    disk = DataDisk(tmp_path / "machine" / "data.qcow2", full)
    with pytest.raises(DiskError, match="full: 3 MiB are free, 512 are needed"):
        await disk.create(1)
    assert files(disk) == []


async def test_no_space_left_while_writing(
    disk: DataDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "qemu-img"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'qemu-img: data: No space left on device' >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("SLIPWAY_QEMU", str(program.parent))
    with pytest.raises(DiskError, match="disk of your computer is full"):
        await disk.create(1)
    assert files(disk) == []


async def test_a_damaged_header_is_told_and_left_alone(disk: DataDisk) -> None:
    await disk.create(1)
    content = b"\0" * 4096 + disk.path.read_bytes()[4096:]
    disk.path.write_bytes(content)
    for attempt in (disk.info(), disk.check(), disk.check(repair=True), disk.ensure(DiskSpec(disk.path, 1))):
        with pytest.raises(DiskError, match="damaged") as caught:
            await attempt
        assert "was not changed" in caught.value.hint
    assert disk.path.read_bytes() == content


async def test_a_disk_that_another_process_has_open(disk: DataDisk) -> None:
    await disk.create(1)
    assert await disk.fault() is None
    busy = await asyncio.create_subprocess_exec(
        *("qemu-io", "-f", "qcow2", str(disk.path)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert busy.stdout is not None
        await busy.stdout.readuntil(b"> ")  # it has the disk open now
        for attempt in (disk.check(), disk.grow(2)):
            with pytest.raises(DiskError, match="in use by another process"):
                await attempt
        fault = await disk.fault()
        assert fault is not None
        assert "in use by another process" in fault.message
        assert (await disk.info()).virtual_size == GIB, "looking is not in anybody's way"
    finally:
        await busy.communicate(b"quit\n")
    assert await disk.fault() is None


async def test_a_disk_that_qemu_has_marked_as_corrupt(disk: DataDisk) -> None:
    await disk.create(1)
    with disk.path.open("r+b") as stream:  # qcow2 specification: incompatible_features at 72, bit 1 is "corrupt"
        stream.seek(72)
        stream.write((2).to_bytes(8, "big"))
    fault = await disk.fault()
    assert fault is not None
    assert "damaged" in fault.message
    assert "marked it as corrupt" in fault.detail


async def test_leaks_are_told_from_corruption_and_mended(disk: DataDisk) -> None:
    await disk.create(1)
    assert (await disk.check()).health is Health.GOOD
    subprocess.run(["qemu-io", "-f", "qcow2", "-c", "write 0 64k", disk.path], check=True, capture_output=True)
    with disk.path.open("r+b") as stream:  # qcow2 specification: the header's l1_table_offset at 40, big-endian
        stream.seek(40)
        l1 = int.from_bytes(stream.read(8), "big")
        stream.seek(l1)
        l2 = int.from_bytes(stream.read(8), "big") & 0x00FFFFFFFFFFFE00
        stream.seek(l2)
        entry = stream.read(8)
        stream.seek(l2)
        stream.write(b"\0" * 8)  # nothing refers to the data cluster any more
    result = await disk.check()
    assert (result.health, result.leaks, result.corruptions) == (Health.LEAKS, 1, 0)
    assert (await disk.check(repair=True)).repaired
    assert (await disk.check()).health is Health.GOOD
    with disk.path.open("r+b") as stream:
        stream.seek(l2)
        stream.write(entry)  # refers to a cluster that counts as free now
    result = await disk.check()
    assert result.health is Health.CORRUPT
    assert result.corruptions > 0


async def test_an_absent_disk(disk: DataDisk) -> None:
    with pytest.raises(DiskError, match="does not exist"):
        await disk.info()


async def test_without_qemu_img(disk: DataDisk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPWAY_QEMU", str(tmp_path))
    with pytest.raises(HostError, match="qemu-img was not found"):
        await disk.create(1)
