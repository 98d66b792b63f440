"""Unexpected ends: each is noticed, explained, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import time

import pytest

from tests.unit.vm.machine_kit import Kit, kit, no_qemu_left, pretend, until
from vm.errors import (
    DiskError,
    LinkError,
    MachineError,
)
from vm.guest.stream import Link
from vm.state import MachineState

__all__ = ["kit"]  # a fixture

STOPPED, STARTING, RUNNING = MachineState.STOPPED, MachineState.STARTING, MachineState.RUNNING
PAUSED, STOPPING, FAILED = MachineState.PAUSED, MachineState.STOPPING, MachineState.FAILED


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


async def test_the_end_of_qemu_is_one_line_in_the_log(kit: Kit, caplog: pytest.LogCaptureFixture) -> None:
    machine, _ = kit.machine()
    await machine.start(kit.spec)
    caplog.clear()
    assert machine.record is not None
    os.kill(machine.record.pid, signal.SIGSEGV)
    await asyncio.wait_for(machine.wait_exit(), 5)
    errors = [record for record in caplog.records if record.levelno >= logging.WARNING]
    assert [record.getMessage() for record in errors] == ["QEMU ended unexpectedly: killed by SIGSEGV"]
    assert all(record.exc_info is None for record in caplog.records)


async def test_a_guest_that_shuts_itself_down_is_told_so(kit: Kit) -> None:
    machine, _ = kit.machine()
    await machine.start(kit.spec)
    await pretend(machine, event="SHUTDOWN", data={"guest": True, "reason": "guest-shutdown"})
    await machine.execute("quit")
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
    assert "disk of your computer is full" in hops[1].why
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
    with pytest.raises(LinkError, match="is reconnecting"):
        _ = machine.link
    assert [hop.ok for hop in await machine.probe()] == [True, True, False]
    await until(lambda: len(told) == 2)
    assert machine.link is told[1]
    assert states == [STOPPED, STARTING, RUNNING]
    assert [hop.ok for hop in await machine.probe()] == [True, True, True]
    await machine.kill()
