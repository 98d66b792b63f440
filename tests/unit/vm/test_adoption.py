"""A QEMU that outlived its supervisor is adopted, or ended."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from dataclasses import replace

import pytest

from tests.unit.vm.machine_kit import Kit, kit, no_qemu_left
from vm.errors import (
    LinkError,
    MachineError,
)
from vm.launch import launch
from vm.qemu.process import QemuProcess
from vm.qemu.record import Record
from vm.session import Subscribers
from vm.state import MachineState

__all__ = ["kit"]  # a fixture

STOPPED, STARTING, RUNNING = MachineState.STOPPED, MachineState.STARTING, MachineState.RUNNING
PAUSED, STOPPING, FAILED = MachineState.PAUSED, MachineState.STOPPING, MachineState.FAILED


async def orphan(kit: Kit) -> Record:
    """Start a QEMU and leave it as a supervisor that crashes does: it runs, and nothing is connected to it."""
    session = await launch(kit.spec, kit.paths, kit.host, Subscribers(lambda name, data: None, lambda stage: None))
    await session.disconnect()
    return session.record


async def test_an_orphan_is_adopted(kit: Kit) -> None:
    record = await orphan(kit)
    machine, states = kit.machine()
    assert await machine.adopt()
    assert states == [STOPPED, STARTING, RUNNING]
    assert machine.record == record
    assert kit.dial.ports == [record.ssh_port]
    assert set(machine.guest_stages) >= {"init", "sshd"}
    assert len(kit.argv()) == 1
    os.kill(record.pid, signal.SIGKILL)  # not a child's end, in general; noticed all the same
    cause = await asyncio.wait_for(machine.wait_exit(), 2)
    assert cause is not None
    assert no_qemu_left(kit)


async def test_an_adopted_machine_stops_cleanly(kit: Kit) -> None:
    await orphan(kit)
    machine, states = kit.machine()
    assert await machine.adopt()
    await machine.stop()
    assert states[-2:] == [STOPPING, STOPPED]
    assert "control poweroff" in kit.said()
    assert no_qemu_left(kit)


async def test_an_orphan_that_does_not_answer_is_ended(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vm.boot.ADOPTION_SECONDS", 0.5)
    record = await orphan(kit)
    os.kill(record.pid, signal.SIGSTOP)
    machine, states = kit.machine()
    assert not await machine.adopt()
    assert states == [STOPPED, STARTING, FAILED, STOPPED]
    assert machine.failure is None
    assert no_qemu_left(kit)


async def test_an_orphan_whose_guest_is_lost_is_ended(kit: Kit) -> None:
    await orphan(kit)
    kit.dial.failures.append(LinkError("refused"))
    machine, _states = kit.machine()
    assert not await machine.adopt()
    assert machine.state is STOPPED
    assert no_qemu_left(kit)


async def test_nothing_to_adopt(kit: Kit) -> None:
    machine, states = kit.machine()
    assert not await machine.adopt()
    kit.paths.qemu_record.write_text("{ not json")
    assert not await machine.adopt()
    assert states == [STOPPED]


async def test_a_stranger_with_the_same_pid_is_left_alone(kit: Kit) -> None:
    record = await orphan(kit)
    replace(record, birth="another boot:1").write(kit.paths.qemu_record)
    machine, _states = kit.machine()
    assert not await machine.adopt()
    assert kit.host.birth(record.pid) == record.birth, "it was killed"
    assert not kit.paths.qemu_record.exists()
    found = QemuProcess.find(record.pid, record.birth, kit.host)
    assert found is not None
    await found.kill()


async def test_start_does_not_make_a_second_qemu(kit: Kit) -> None:
    await orphan(kit)
    machine, states = kit.machine()
    with pytest.raises(MachineError, match="is already running"):
        await machine.start(kit.spec)
    assert states == [STOPPED, STARTING, FAILED]
    assert len(kit.argv()) == 1
    await machine.stop()
    assert await machine.adopt()
    await machine.kill()


@pytest.mark.parametrize("damage", ["unknown key", "only what is needed", "garbage", "another schema", "empty"])
async def test_an_orphan_whose_record_is_not_ours_is_adopted(kit: Kit, damage: str) -> None:
    record = await orphan(kit)
    written = json.loads(kit.paths.qemu_record.read_text())
    needed = ("pid", "birth", "ssh_port", "qmp_socket", "control_socket", "accelerator")
    text = {
        "unknown key": json.dumps({**written, "saved_state": {"at": 3}}),
        "only what is needed": json.dumps({name: written[name] for name in needed}),
        "garbage": "{ not json",
        "another schema": json.dumps({"schema": 7, "process": {"pid": record.pid}}),
        "empty": "",
    }
    kit.paths.qemu_record.write_text(text[damage])
    machine, _ = kit.machine()
    assert await machine.adopt()
    assert machine.record is not None
    assert (machine.record.pid, machine.record.ssh_port) == (record.pid, record.ssh_port)
    assert kit.machine_record().pid == record.pid, "the record was not written again"
    assert len(kit.argv()) == 1
    await machine.stop()
    assert no_qemu_left(kit)
