"""The machine's life with a fake QEMU: exact sequences of states, and nothing left behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from dataclasses import replace

import psutil
import pytest

from tests.unit.vm.machine_kit import Kit, kit, no_qemu_left, until
from vm.disk import DataDisk
from vm.errors import DiskError, LinkError
from vm.state import MachineState, StateError

__all__ = ["kit"]  # a fixture

STOPPED, STARTING, RUNNING = MachineState.STOPPED, MachineState.STARTING, MachineState.RUNNING
PAUSED, STOPPING, FAILED = MachineState.PAUSED, MachineState.STOPPING, MachineState.FAILED


async def test_start_and_stop(kit: Kit) -> None:
    machine, states = kit.machine()
    await machine.start(kit.spec)
    assert states == [STOPPED, STARTING, RUNNING]
    assert [stage.name for stage in machine.stages] == [
        *("qemu", "init", "modules", "data", "network", "services", "sshd", "link")
    ]
    assert machine.record is not None
    assert kit.dial.ports == [machine.record.ssh_port]
    assert f"hostfwd=tcp:127.0.0.1:{machine.record.ssh_port}-:22" in " ".join(kit.argv()[0])
    assert machine.link is kit.dial.links[0]
    assert [hop.ok for hop in await machine.probe()] == [True, True, True]
    await machine.stop()
    assert states == [STOPPED, STARTING, RUNNING, STOPPING, STOPPED]
    assert "control poweroff" in kit.said()
    assert no_qemu_left(kit)


async def test_keys_reach_the_guest(kit: Kit) -> None:
    machine, _ = kit.machine()
    await machine.start(replace(kit.spec, config={"daemon.json": kit.paths.machine / "daemon.json"}))
    configured = [argument for argument in kit.argv()[0] if argument.startswith("name=opt/org.slipway/")]
    names = [argument.split(",")[0].rpartition("/")[2] for argument in configured]
    assert names == ["authorized_keys", "daemon.json", "host_key"]
    await machine.kill()
    assert no_qemu_left(kit)


async def test_stages_arrive_with_growing_times(kit: Kit) -> None:
    machine, _ = kit.machine()
    told: list[str] = []
    await machine.start(kit.spec, lambda stage: told.append(stage.name))
    assert told == [stage.name for stage in machine.stages]
    times = [stage.seconds for stage in machine.stages]
    assert times == sorted(times)
    assert sum(stage.took for stage in machine.stages) == pytest.approx(times[-1], abs=0.01)
    await machine.kill()


async def test_calls_in_the_wrong_state(kit: Kit) -> None:
    machine, states = kit.machine()
    for call in (machine.stop, machine.kill, machine.pause, machine.resume, machine.set_time):
        with pytest.raises(StateError) as caught:
            await call()
        assert caught.value.actual is STOPPED
        assert STOPPED not in caught.value.required
    with pytest.raises(StateError):
        _ = machine.link
    await machine.start(kit.spec)
    with pytest.raises(StateError) as caught:
        await machine.start(kit.spec)
    assert caught.value.required == {STOPPED, FAILED}
    with pytest.raises(StateError):
        await machine.adopt()
    assert states == [STOPPED, STARTING, RUNNING]
    await machine.kill()


async def test_two_starts_at_once(kit: Kit) -> None:
    machine, states = kit.machine()
    outcomes = await asyncio.gather(machine.start(kit.spec), machine.start(kit.spec), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), StateError]
    assert states == [STOPPED, STARTING, RUNNING]
    assert len(kit.argv()) == 1
    await machine.kill()


async def test_pause_and_resume_set_the_time(kit: Kit) -> None:
    machine, states = kit.machine()
    await machine.start(kit.spec)
    await machine.pause()
    hops = await machine.probe()
    assert [hop.ok for hop in hops] == [True, False, None]
    assert "paused" in hops[1].why
    await until(lambda: any(line.startswith("control clock ") for line in kit.said()))
    before = sum(line.startswith("control clock ") for line in kit.said())
    await machine.resume()
    assert states == [STOPPED, STARTING, RUNNING, PAUSED, RUNNING]
    assert sum(line.startswith("control clock ") for line in kit.said()) > before
    await machine.stop()
    assert no_qemu_left(kit)


def times_asked(kit: Kit) -> int:
    """How often the guest was asked for its time."""
    return sum(line.startswith("control clock ") for line in kit.said())


async def test_the_host_has_slept(kit: Kit) -> None:
    """The guest gets the time at once, and a link that holds is kept."""
    machine, _ = kit.machine()
    machine.host_woke()  # there is nothing to wake
    await machine.start(kit.spec)
    await until(lambda: times_asked(kit) > 0)
    before = times_asked(kit)
    machine.host_woke()
    await until(lambda: times_asked(kit) > before)
    assert machine.link is kit.dial.links[0]
    await machine.stop()
    machine.host_woke()
    assert no_qemu_left(kit)


async def test_the_link_has_not_outlived_sleep(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    machine, _ = kit.machine()
    await machine.start(kit.spec)

    async def silent(timeout: float) -> None:
        raise LinkError(f"no answer for {timeout:g} s")

    monkeypatch.setattr(machine.link, "ping", silent)
    told: list[object] = []
    machine.link_changed.append(told.append)
    machine.host_woke()
    await until(lambda: len(told) == 2)
    assert told == [None, machine.link]
    assert machine.link is kit.dial.links[1]
    await machine.stop()


async def test_stopping_a_paused_machine_lets_the_guest_shut_down(kit: Kit) -> None:
    machine, states = kit.machine()
    await machine.start(kit.spec)
    await machine.pause()
    await machine.stop()
    assert states[-3:] == [PAUSED, STOPPING, STOPPED]
    said = kit.said()
    assert said.index("qmp cont {}") < said.index("control poweroff")


@pytest.mark.parametrize(
    ("deaf", "steps"),
    [
        (["poweroff"], ["control poweroff", "qmp quit {}"]),
        (["poweroff", "quit"], ["control poweroff", "qmp quit {}"]),
    ],
)
async def test_stop_escalates(
    kit: Kit, monkeypatch: pytest.MonkeyPatch, deaf: list[str], steps: list[str]
) -> None:
    monkeypatch.setattr("vm.power.QUIT_SECONDS", 0.3)
    kit.plan(deaf=deaf)
    machine, states = kit.machine()
    await machine.start(kit.spec)
    await machine.stop(timeout=0.3)
    assert states[-2:] == [STOPPING, STOPPED]
    said = [line for line in kit.said() if line in steps]
    assert said == steps
    assert no_qemu_left(kit)


async def test_stop_wakes_a_suspended_qemu(kit: Kit) -> None:
    machine, _ = kit.machine()
    await machine.start(kit.spec)
    assert machine.record is not None
    os.kill(machine.record.pid, signal.SIGSTOP)
    await until(lambda: psutil.Process(machine.record.pid if machine.record else 0).status() == "stopped")
    hops = await machine.probe()
    assert (hops[0].ok, hops[0].why) == (False, "QEMU has been suspended (SIGSTOP)")
    assert str(machine.record.pid) in hops[0].hint
    assert [hop.ok for hop in hops[1:]] == [None, None]
    await machine.stop(timeout=5)
    assert "control poweroff" in kit.said()
    assert no_qemu_left(kit)


async def test_a_stop_that_is_cancelled_leaves_nothing(kit: Kit) -> None:
    kit.plan(deaf=["poweroff"])
    machine, states = kit.machine()
    await machine.start(kit.spec)
    stopping = asyncio.create_task(machine.stop(timeout=60))
    await until(lambda: "control poweroff" in kit.said())
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    assert states[-2:] == [STOPPING, STOPPED]
    assert no_qemu_left(kit)


async def test_grow_a_running_machine(kit: Kit) -> None:
    machine, _ = kit.machine()
    await DataDisk(kit.paths.data_disk, kit.host).create(2)
    await machine.start(kit.spec)
    with pytest.raises(DiskError, match="cannot shrink to 1 GiB"):
        await machine.grow_disk(1)
    await machine.grow_disk(3)
    resize = next(line for line in kit.said() if line.startswith("qmp block_resize"))
    assert json.loads(resize.removeprefix("qmp block_resize ")) == {"node-name": "data", "size": 3 * 1024**3}
    assert kit.said()[-1] == "control grow"
    await machine.kill()
