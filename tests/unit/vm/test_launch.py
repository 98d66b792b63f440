"""Starting QEMU: ports that are taken, and failures that are what they are called."""

from __future__ import annotations

import socket
from dataclasses import replace

import pytest

from tests.unit.vm.machine_kit import Kit, kit, no_qemu_left
from vm.disk import DataDisk
from vm.errors import (
    DiskError,
    HostError,
    ImageError,
    MachineError,
    UserError,
)
from vm.launch import free_port
from vm.qemu.command import build_argv
from vm.spec import PortForward
from vm.state import MachineState

__all__ = ["kit"]  # a fixture

STOPPED, STARTING, RUNNING = MachineState.STOPPED, MachineState.STARTING, MachineState.RUNNING
PAUSED, STOPPING, FAILED = MachineState.PAUSED, MachineState.STOPPING, MachineState.FAILED


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ("qemu: cannot set up guest memory 'pc.ram': Cannot allocate memory", HostError, "too little free memory"),
        ("qemu: -blockdev …: No space left on device", HostError, "disk of your computer is full"),
        ("qemu: something new", MachineError, "ended at its start"),
    ],
)
async def test_qemu_ends_at_its_start(kit: Kit, text: str, error: type[UserError], message: str) -> None:
    await DataDisk(kit.paths.data_disk, kit.host).create(1)
    kit.plan(die=[0, 1, text], mute=True)
    machine, states = kit.machine()
    with pytest.raises(error, match=message) as caught:
        await machine.start(kit.spec)
    assert type(caught.value) is error
    assert states == [STOPPED, STARTING, FAILED]
    assert machine.failure is caught.value
    assert text in caught.value.detail
    assert "exit code 1" in caught.value.detail
    assert len(kit.argv()) == 1, "an error that QEMU reports is not tried again"
    assert no_qemu_left(kit)


async def test_words_in_a_path_are_no_reason(kit: Kit) -> None:
    """QEMU repeats the option it fails at, whatever its path is called."""
    disk = kit.paths.machine / "No space left on device, Cannot allocate memory, qcow2: lock.qcow2"
    await DataDisk(disk, kit.host).create(1)
    spec = replace(kit.spec, disk=replace(kit.spec.disk, path=disk))
    option = next(word for word in build_argv(spec) if str(disk.parent) in word and "qcow2" in word)
    kit.plan(die=[0, 1, f"qemu: -blockdev {option}: Some new complaint"], mute=True)
    machine, _ = kit.machine()
    with pytest.raises(MachineError, match="ended at its start") as caught:
        await machine.start(spec)
    assert option in kit.argv()[0], "the test repeats another option than QEMU was given"
    assert type(caught.value) is MachineError


async def test_a_disk_is_only_called_damaged_when_it_is(kit: Kit) -> None:
    disk = kit.paths.data_disk
    kit.plan(die=[0, 1, "qemu: -blockdev driver=qcow2: Could not open it"], mute=True)
    machine, _ = kit.machine()
    disk.mkdir()  # as root, whom the tests may run as, a folder is all that cannot be opened
    with pytest.raises(DiskError, match="cannot be opened: Is a directory"):
        await machine.start(kit.spec)
    disk.rmdir()
    await DataDisk(disk, kit.host).create(1)
    content = disk.read_bytes()
    disk.write_bytes(bytes(512) + content[512:])
    with pytest.raises(DiskError, match="is damaged") as caught:
        await machine.start(kit.spec)
    assert "Could not open it" in caught.value.detail, "what QEMU said is missing"


async def test_an_image_that_cannot_be_read(kit: Kit) -> None:
    kit.spec.boot.root.unlink()
    kit.plan(die=[0, 1, "qemu: could not open it"], mute=True)
    machine, _ = kit.machine()
    with pytest.raises(ImageError, match="No such file") as caught:
        await machine.start(kit.spec)
    assert "slipway image build" in caught.value.hint


async def test_the_logs_of_the_qemu_before_are_kept(kit: Kit) -> None:
    kit.paths.console_log.write_text("the console of the last machine")
    machine, _ = kit.machine()
    await machine.start(kit.spec)
    await machine.kill()
    kept = kit.paths.console_log.with_name("console.previous.log")
    assert kept.read_text() == "the console of the last machine"
    await machine.start(kit.spec)
    await machine.kill()
    assert kit.paths.qemu_log.with_name("qemu.previous.log").exists()


async def test_qemu_cannot_be_run(kit: Kit) -> None:
    machine, states = kit.machine()
    with pytest.raises(MachineError, match="cannot be started"):
        await machine.start(replace(kit.spec, qemu=kit.paths.home / "absent"))
    assert states == [STOPPED, STARTING, FAILED]


async def test_a_failed_machine_can_be_started_again(kit: Kit) -> None:
    await DataDisk(kit.paths.data_disk, kit.host).create(1)
    kit.plan(die=[0, 3, "no"], mute=True)
    machine, states = kit.machine()
    with pytest.raises(MachineError):
        await machine.start(kit.spec)
    kit.plan()
    await machine.start(kit.spec)
    assert machine.failure is None
    await machine.stop()
    assert states == [STOPPED, STARTING, FAILED, STARTING, RUNNING, STOPPING, STOPPED]


async def test_a_taken_port_is_exchanged_for_another(kit: Kit) -> None:
    kit.plan(die_first=2)
    machine, states = kit.machine()
    await machine.start(kit.spec)
    assert states == [STOPPED, STARTING, RUNNING]
    ports = [" ".join(argv).partition("hostfwd=tcp:127.0.0.1:")[2].partition("-")[0] for argv in kit.argv()]
    assert len(ports) == 3
    assert machine.record is not None
    assert int(ports[-1]) == machine.record.ssh_port
    await machine.kill()


async def test_ports_that_stay_taken_end_in_a_clear_error(kit: Kit) -> None:
    kit.plan(die_first=99)
    machine, states = kit.machine()
    with pytest.raises(MachineError, match="No free port"):
        await machine.start(kit.spec)
    assert states == [STOPPED, STARTING, FAILED]
    assert no_qemu_left(kit)


async def test_a_fixed_port_that_is_taken_is_named(kit: Kit) -> None:
    kit.plan(die_first=99)
    machine, _ = kit.machine()
    with pytest.raises(MachineError, match="port 2222"):
        await machine.start(replace(kit.spec, forwards=(PortForward(2222, 22),)))
    assert len(kit.argv()) == 1


def test_a_port_that_somebody_listens_on_is_not_chosen() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert taken.getsockname()[1] not in {free_port() for _ in range(20)}
