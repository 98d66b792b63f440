"""Starts that fail, that are tried again, and that are interrupted."""

from __future__ import annotations

import asyncio
import signal
from dataclasses import replace
from typing import Any

import pytest

from tests.unit.vm.machine_kit import Kit, kit, no_qemu_left, until
from vm.boot import Retry
from vm.errors import (
    DiskError,
    GuestClockError,
    KernelCrash,
    LinkError,
    MachineError,
    QemuEnded,
    StageTimeout,
    UserError,
)
from vm.guest import readiness
from vm.guest.ssh import SshLink
from vm.machine import Machine
from vm.state import MachineState

__all__ = ["kit"]  # a fixture

STOPPED, STARTING, RUNNING = MachineState.STOPPED, MachineState.STARTING, MachineState.RUNNING
PAUSED, STOPPING, FAILED = MachineState.PAUSED, MachineState.STOPPING, MachineState.FAILED


@pytest.mark.parametrize(
    ("name", "error"), [("modules", MachineError), ("data", DiskError), ("services", MachineError)]
)
async def test_a_stage_the_guest_failed_at_is_named(kit: Kit, name: str, error: type[UserError]) -> None:
    names = ["init", "modules", "data", "network", "services", "sshd"]
    kit.plan(
        stages=names[: names.index(name)],
        fail=[name, "exit 4, run it by hand"],
        console="the console's last words\n",
    )
    machine, states = kit.machine()
    with pytest.raises(error, match=f"“{name}”") as caught:
        await machine.start(kit.spec)
    assert type(caught.value) is error
    assert "exit 4, run it by hand" in caught.value.detail
    assert "the console's last words" in caught.value.detail
    assert caught.value.hint
    assert states == [STOPPED, STARTING, FAILED]
    assert no_qemu_left(kit)


@pytest.fixture
def short_deadlines(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second for each stage, which a guest that does nothing has three times over."""
    short = [replace(each, deadline=0.5) for each in readiness.REQUIREMENTS]
    monkeypatch.setattr(readiness, "REQUIREMENTS", short)


async def start(kit: Kit) -> tuple[Machine, list[MachineState], list[Retry]]:
    """Start a machine; also what it says of attempts that failed."""
    machine, states = kit.machine()
    retries: list[Retry] = []
    await machine.start(kit.spec, on_retry=retries.append)
    return machine, states, retries


@pytest.mark.usefixtures("short_deadlines")
async def test_a_stage_that_never_comes_is_named(kit: Kit) -> None:
    kit.plan(stages=["init", "modules"])
    machine, states = kit.machine()
    with pytest.raises(StageTimeout, match=r"“data”: it was given 0\.5 s for mounting the data disk"):
        await machine.start(kit.spec)
    assert states == [STOPPED, STARTING, FAILED]
    assert len(kit.argv()) == 3
    assert no_qemu_left(kit)


@pytest.mark.usefixtures("short_deadlines")
async def test_a_machine_that_hangs_while_it_starts_is_started_again(kit: Kit) -> None:
    kit.plan(hang_first=1)
    machine, states, retries = await start(kit)
    assert states == [STOPPED, STARTING, RUNNING]
    assert [type(retry.cause) for retry in retries] == [StageTimeout]
    await machine.kill()


@pytest.mark.parametrize("number", [signal.SIGSEGV, signal.SIGKILL, signal.SIGABRT])
@pytest.mark.parametrize("seconds", [0, 0.3])
async def test_a_qemu_that_crashes_while_it_starts_is_started_again(
    kit: Kit, number: signal.Signals, seconds: float, caplog: pytest.LogCaptureFixture
) -> None:
    kit.plan(kill_first=[2, seconds, number])
    machine, states, retries = await start(kit)
    assert states == [STOPPED, STARTING, RUNNING]
    assert len(kit.argv()) == 3
    assert [(retry.attempt, retry.attempts) for retry in retries] == [(2, 3), (3, 3)]
    for retry in retries:
        assert isinstance(retry.cause, QemuEnded)
        assert number.name in retry.text
        assert retry.text in caplog.text
        assert "\n" not in retry.text
    assert [stage.name for stage in machine.stages] == [
        *("retry", "qemu", "init", "modules", "data", "network", "services", "sshd", "link")
    ]
    assert "Traceback" not in caplog.text
    await machine.stop()
    assert no_qemu_left(kit)


async def test_a_qemu_that_keeps_crashing(kit: Kit) -> None:
    kit.plan(kill_first=[9, 0.1, signal.SIGSEGV])
    machine, states = kit.machine()
    with pytest.raises(QemuEnded, match="SIGSEGV"):
        await machine.start(kit.spec)
    assert states == [STOPPED, STARTING, FAILED]
    assert len(kit.argv()) == 3
    assert no_qemu_left(kit)


async def test_a_link_that_cannot_be_opened_is_tried_with_another_machine(kit: Kit) -> None:
    kit.dial.failures.append(LinkError("The machine's SSH server did not answer within 15 seconds"))
    machine, _, retries = await start(kit)
    assert [type(retry.cause) for retry in retries] == [LinkError]
    await machine.kill()


async def test_ssh_that_never_answers(kit: Kit) -> None:
    kit.dial.failures += [LinkError(f"The machine's SSH server did not answer: {number}") for number in range(9)]
    machine, states = kit.machine()
    with pytest.raises(LinkError, match="SSH server"):
        await machine.start(kit.spec)
    assert states == [STOPPED, STARTING, FAILED]
    assert no_qemu_left(kit)


async def test_a_kernel_that_panics_while_it_starts_is_started_again(kit: Kit) -> None:
    kit.plan(panic_first=1)
    machine, states, retries = await start(kit)
    assert states == [STOPPED, STARTING, RUNNING]
    assert [type(retry.cause) for retry in retries] == [KernelCrash]
    await machine.stop()
    assert no_qemu_left(kit)


async def test_a_kernel_that_keeps_panicking(kit: Kit) -> None:
    kit.plan(panic_first=9)
    machine, states = kit.machine()
    with pytest.raises(KernelCrash, match="kernel crashed") as caught:
        await machine.start(kit.spec)
    assert "Fatal exception" in caught.value.detail
    assert len(kit.argv()) == 3
    assert states == [STOPPED, STARTING, FAILED]
    assert no_qemu_left(kit)


async def test_a_guest_whose_clock_is_too_fast_is_started_again(kit: Kit) -> None:
    kit.plan(fast_first=1)
    machine, _, retries = await start(kit)
    assert [type(retry.cause) for retry in retries] == [GuestClockError]
    assert kit.dial.links[0].closed.is_set()
    assert not kit.dial.links[1].closed.is_set()
    await machine.kill()


async def test_a_clock_that_stays_too_fast_is_better_than_no_machine(kit: Kit) -> None:
    kit.plan(fast_first=9)
    machine, states, retries = await start(kit)
    assert states == [STOPPED, STARTING, RUNNING]
    assert len(retries) == 2
    await machine.kill()


async def test_cancelling_a_second_attempt(kit: Kit) -> None:
    kit.plan(kill_first=[1, 0, signal.SIGSEGV], stages=["init"])
    machine, states = kit.machine()
    retries: list[Retry] = []
    starting = asyncio.create_task(machine.start(kit.spec, on_retry=retries.append))
    await until(lambda: len(retries) == 1 and machine.record is not None)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert states == [STOPPED, STARTING, STOPPING, STOPPED]
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
