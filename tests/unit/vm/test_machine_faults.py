"""The machine's faults with a fake QEMU: each ends in a known state with a clear message, and leaves no QEMU."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import time
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.vm.machine_kit import Kit, kit, no_qemu_left, until
from vm.errors import DiskError, HostError, KernelCrash, LinkError, MachineError, UserError
from vm.guest import readiness
from vm.guest.readiness import Requirement
from vm.guest.ssh import SshLink
from vm.guest.stream import Link
from vm.machine import Machine
from vm.qemu.process import QemuProcess, Record
from vm.spec import PortForward
from vm.state import MachineState

__all__ = ["kit"]  # a fixture

STOPPED, STARTING, RUNNING = MachineState.STOPPED, MachineState.STARTING, MachineState.RUNNING
PAUSED, STOPPING, FAILED = MachineState.PAUSED, MachineState.STOPPING, MachineState.FAILED


async def pretend(machine: Machine, **event: Any) -> None:
    """Make the fake QEMU tell an event."""
    session = machine._session
    assert session is not None
    await session.monitor.execute("x-event", event)


# -- starts that fail ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        ('qemu: Failed to get "write" lock\nIs another process using it?', DiskError, "in use by another"),
        ("qemu: cannot set up guest memory 'pc.ram': Cannot allocate memory", HostError, "too little free memory"),
        ("qemu: -blockdev driver=qcow2: Image is not in qcow2 format", DiskError, "damaged"),
        ("qemu: something new", MachineError, "ended at its start"),
    ],
)
async def test_qemu_ends_at_its_start(kit: Kit, text: str, error: type[UserError], message: str) -> None:
    kit.plan(die=[0, 1, text], mute=True)
    machine, states = kit.machine()
    with pytest.raises(error, match=message) as caught:
        await machine.start(kit.spec)
    assert states == [STOPPED, STARTING, FAILED]
    assert machine.failure is caught.value
    assert text.splitlines()[0] in caught.value.detail
    assert "exit code 1" in caught.value.detail
    assert no_qemu_left(kit)


async def test_qemu_cannot_be_run(kit: Kit) -> None:
    machine, states = kit.machine()
    with pytest.raises(MachineError, match="cannot be started"):
        await machine.start(replace(kit.spec, qemu=kit.paths.home / "absent"))
    assert states == [STOPPED, STARTING, FAILED]


async def test_a_failed_machine_can_be_started_again(kit: Kit) -> None:
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


@pytest.mark.parametrize(
    ("name", "error"), [("modules", MachineError), ("data", DiskError), ("services", MachineError)]
)
async def test_a_stage_the_guest_failed_at_is_named(kit: Kit, name: str, error: type[UserError]) -> None:
    names = ["init", "modules", "data", "network", "services", "sshd"]
    kit.plan(stages=names[: names.index(name)], fail=[name, "exit 4, run it by hand"])
    kit.paths.console_log.write_text("the console's last words\n")
    machine, states = kit.machine()
    with pytest.raises(error, match=f"“{name}”") as caught:
        await machine.start(kit.spec)
    assert type(caught.value) is error
    assert "exit 4, run it by hand" in caught.value.detail
    assert "the console's last words" in caught.value.detail
    assert caught.value.hint
    assert states == [STOPPED, STARTING, FAILED]
    assert no_qemu_left(kit)


async def test_a_stage_that_never_comes_is_named(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        readiness, "REQUIREMENTS", [replace(each, deadline=0.5) for each in readiness.REQUIREMENTS]
    )
    kit.plan(stages=["init", "modules"])
    machine, states = kit.machine()
    with pytest.raises(DiskError, match=r"“data”: it was given 0\.5 s for mounting the data disk"):
        await machine.start(kit.spec)
    assert states == [STOPPED, STARTING, FAILED]
    assert no_qemu_left(kit)


async def test_ssh_that_never_answers(kit: Kit) -> None:
    kit.dial.failures.append(LinkError("The machine's SSH server did not answer within 15 seconds"))
    machine, states = kit.machine()
    with pytest.raises(LinkError, match="SSH server"):
        await machine.start(kit.spec)
    assert states == [STOPPED, STARTING, FAILED]
    assert no_qemu_left(kit)


async def test_qemu_dies_while_the_guest_starts(kit: Kit) -> None:
    kit.plan(stages=["init"], die=[0.3, 134, "qemu: assertion failed"])
    machine, states = kit.machine()
    with pytest.raises(MachineError, match="ended unexpectedly: exit code 134") as caught:
        await machine.start(kit.spec)
    assert "assertion failed" in caught.value.detail
    assert states == [STOPPED, STARTING, FAILED]
    assert no_qemu_left(kit)


async def test_a_kernel_that_panics_while_it_starts_is_started_once_more(kit: Kit) -> None:
    kit.plan(panic_first=1)
    machine, states = kit.machine()
    await machine.start(kit.spec)
    assert states == [STOPPED, STARTING, RUNNING]
    assert len(kit.argv()) == 2
    await machine.stop()
    assert no_qemu_left(kit)


async def test_a_kernel_that_panics_again(kit: Kit) -> None:
    kit.plan(panic_first=9)
    machine, states = kit.machine()
    with pytest.raises(KernelCrash, match="kernel crashed") as caught:
        await machine.start(kit.spec)
    assert "Fatal exception" in caught.value.detail
    assert len(kit.argv()) == 2
    assert states == [STOPPED, STARTING, FAILED]
    assert no_qemu_left(kit)


async def test_an_unforeseen_error_ends_in_a_known_state(kit: Kit) -> None:
    async def broken(*_: Any, **__: Any) -> SshLink:
        raise ZeroDivisionError("a bug of ours")

    machine = Machine(kit.paths, kit.host, dial=broken)
    with pytest.raises(ZeroDivisionError):
        await machine.start(kit.spec)
    assert machine.state is FAILED
    assert machine.failure is not None
    assert "a bug of ours" in machine.failure.detail
    assert no_qemu_left(kit)


# -- starts that are interrupted -----------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["spawn", "qemu", "init", "data", "sshd", "link"])
async def test_cancelling_a_start_at_each_stage(kit: Kit, stage: str) -> None:
    names = ["init", "modules", "data", "network", "services", "sshd"]
    kit.plan(stages=names[: names.index(stage) + 1] if stage in names else [], mute=stage == "spawn")
    kit.dial.hang = True
    if stage == "link":
        kit.plan()
    machine, states = kit.machine()
    seen: list[str] = []
    starting = asyncio.create_task(machine.start(kit.spec, lambda told: seen.append(told.name)))
    if stage == "spawn":
        await until(lambda: (kit.paths.run / "fake.log").exists())
    elif stage == "link":
        await until(lambda: bool(kit.dial.ports))
    else:
        await until(lambda: stage in seen)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert states == [STOPPED, STARTING, STOPPING, STOPPED]
    assert machine.failure is None
    assert no_qemu_left(kit)


async def test_a_second_cancellation_does_not_leave_a_qemu(kit: Kit) -> None:
    kit.plan(stages=[])
    machine, states = kit.machine()
    starting = asyncio.create_task(machine.start(kit.spec))
    await until(lambda: any(line.startswith("qmp qmp_cap") for line in kit.said()))
    for _ in range(3):
        starting.cancel()
        await asyncio.sleep(0)
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert states == [STOPPED, STARTING, STOPPING, STOPPED]
    assert no_qemu_left(kit)


# -- ends that nobody asked for ------------------------------------------------------------------------------


async def test_a_killed_qemu_is_noticed_at_once(kit: Kit) -> None:
    machine, states = kit.machine()
    await machine.start(kit.spec)
    assert machine.record is not None
    began = time.monotonic()
    os.kill(machine.record.pid, signal.SIGKILL)
    cause = await asyncio.wait_for(machine.wait_exit(), 2)
    assert time.monotonic() - began < 1
    assert states == [STOPPED, STARTING, RUNNING, FAILED]
    assert cause is machine.failure
    assert isinstance(cause, MachineError)
    assert "SIGKILL" in cause.message
    assert kit.dial.links[0].closed.is_set()
    assert [hop.ok for hop in await machine.probe()] == [False, None, None]
    assert no_qemu_left(kit)
    await machine.stop()
    assert machine.state is STOPPED


async def test_a_guest_that_shuts_itself_down_is_told_so(kit: Kit) -> None:
    machine, _ = kit.machine()
    await machine.start(kit.spec)
    await pretend(machine, event="SHUTDOWN", data={"guest": True, "reason": "guest-shutdown"})
    session = machine._session
    assert session is not None
    await session.monitor.execute("quit")
    cause = await machine.wait_exit()
    assert cause is not None
    assert "shut itself down" in cause.message


async def test_a_machine_that_qemu_gives_up_is_ended(kit: Kit) -> None:
    machine, states = kit.machine()
    await machine.start(kit.spec)
    await pretend(machine, event="STOP", data={}, status="internal-error")
    cause = await asyncio.wait_for(machine.wait_exit(), 3)
    assert cause is not None
    assert "internal-error" in cause.message
    assert states[-1] is FAILED
    assert no_qemu_left(kit)


async def test_a_full_disk_holds_the_machine_and_space_releases_it(
    kit: Kit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vm.watch.POLL_SECONDS", 0.05)
    free = 0
    monkeypatch.setattr(type(kit.host), "free_bytes", lambda self, path: free)
    machine, states = kit.machine()
    await machine.start(kit.spec)
    error = {"action": "stop", "nospace": True, "reason": "No space left on device"}
    await pretend(machine, event="BLOCK_IO_ERROR", data=error, status="io-error")
    await until(lambda: machine.state is PAUSED)
    assert isinstance(machine.failure, DiskError)
    assert "full" in machine.failure.message
    hops = await machine.probe()
    assert "disk of this computer is full" in hops[1].why
    with pytest.raises(DiskError, match="full"):
        await machine.resume()
    assert machine.state is PAUSED
    free = 10 * 1024**3
    await until(lambda: machine.state is RUNNING)
    assert machine.failure is None
    assert states == [STOPPED, STARTING, RUNNING, PAUSED, RUNNING]
    await machine.kill()


async def test_a_broken_link_is_made_again(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vm.watch.POLL_SECONDS", 0.05)
    machine, states = kit.machine()
    told: list[Link | None] = []
    machine.link_changed.append(told.append)
    await machine.start(kit.spec)
    kit.dial.failures += [LinkError("refused"), LinkError("refused")]
    kit.dial.links[0].closed.set()
    await until(lambda: bool(told))
    assert told == [None]
    with pytest.raises(LinkError, match="being made again"):
        _ = machine.link
    assert [hop.ok for hop in await machine.probe()] == [True, True, False]
    await until(lambda: len(told) == 2)
    assert machine.link is told[1]
    assert states == [STOPPED, STARTING, RUNNING]
    assert [hop.ok for hop in await machine.probe()] == [True, True, True]
    await machine.kill()


# -- adoption ------------------------------------------------------------------------------------------------


async def crash(machine: Machine) -> Record:
    """Take the supervisor away from under its machine: QEMU stays, all connections break."""
    session, record = machine._session, machine.record
    assert session is not None
    assert record is not None
    await machine._watch.stop()
    await session.disconnect()
    return record


async def test_an_orphan_is_adopted(kit: Kit) -> None:
    first, _ = kit.machine()
    await first.start(kit.spec)
    record = await crash(first)
    machine, states = kit.machine()
    assert await machine.adopt()
    assert states == [STOPPED, STARTING, RUNNING]
    assert machine.record == record
    assert kit.dial.ports == [record.ssh_port] * 2
    assert set(machine.guest_stages) >= {"init", "sshd"}
    assert len(kit.argv()) == 1
    os.kill(record.pid, signal.SIGKILL)  # not a child's end, in general; noticed all the same
    cause = await asyncio.wait_for(machine.wait_exit(), 2)
    assert cause is not None
    assert no_qemu_left(kit)


async def test_an_adopted_machine_stops_cleanly(kit: Kit) -> None:
    first, _ = kit.machine()
    await first.start(kit.spec)
    await crash(first)
    machine, states = kit.machine()
    assert await machine.adopt()
    await machine.stop()
    assert states[-2:] == [STOPPING, STOPPED]
    assert "control poweroff" in kit.said()
    assert no_qemu_left(kit)


async def test_an_orphan_that_does_not_answer_is_ended(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vm.machine.ADOPTION_SECONDS", 0.5)
    first, _ = kit.machine()
    await first.start(kit.spec)
    record = await crash(first)
    os.kill(record.pid, signal.SIGSTOP)
    machine, states = kit.machine()
    assert not await machine.adopt()
    assert states == [STOPPED, STARTING, FAILED, STOPPED]
    assert machine.failure is None
    assert no_qemu_left(kit)


async def test_an_orphan_whose_guest_is_lost_is_ended(kit: Kit) -> None:
    first, _ = kit.machine()
    await first.start(kit.spec)
    await crash(first)
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
    first, _ = kit.machine()
    await first.start(kit.spec)
    record = await crash(first)
    replace(record, birth="another boot:1").write(kit.paths.qemu_record)
    machine, _states = kit.machine()
    assert not await machine.adopt()
    assert kit.host.birth(record.pid) == record.birth, "it was killed"
    assert not kit.paths.qemu_record.exists()
    found = QemuProcess.find(record.pid, record.birth, kit.host)
    assert found is not None
    await found.kill()


async def test_start_does_not_make_a_second_qemu(kit: Kit) -> None:
    first, _ = kit.machine()
    await first.start(kit.spec)
    await crash(first)
    machine, states = kit.machine()
    with pytest.raises(MachineError, match="runs already"):
        await machine.start(kit.spec)
    assert states == [STOPPED, STARTING, FAILED]
    assert len(kit.argv()) == 1
    await machine.stop()
    assert await machine.adopt()
    await machine.kill()


def test_a_port_that_somebody_listens_on_is_not_chosen() -> None:
    from vm.launch import free_port

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert taken.getsockname()[1] not in {free_port() for _ in range(20)}


def test_every_requirement_names_what_happens() -> None:
    for requirement in readiness.REQUIREMENTS:
        assert isinstance(requirement, Requirement)
        assert requirement.description
        assert requirement.hint
        assert requirement.deadline > 0


def test_record_survives_the_round_trip(kit: Kit) -> None:
    record = Record(7, "b:1", 4022, "/q", "/c", "f00d", "tcg", 1.5)
    record.write(kit.paths.qemu_record)
    assert Record.read(kit.paths.qemu_record) == record
    assert kit.paths.qemu_record.stat().st_mode & 0o777 == 0o600
    for nonsense in ("[]", "{}", '{"pid": 1}', json.dumps({**json.loads(_text(record)), "pid": "x"})):
        kit.paths.qemu_record.write_text(nonsense)
        assert Record.read(kit.paths.qemu_record) is None
    kit.paths.qemu_record.unlink()


def _text(record: Record) -> str:
    return json.dumps(record.__dict__)
