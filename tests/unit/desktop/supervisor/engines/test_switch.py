"""The switch: its steps, what it leaves when it fails or is interrupted, and what connections see of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from desktop.control.schema import Event, RunState
from desktop.supervisor.engines.record import EngineRecord
from desktop.supervisor.lifecycle.phase import Phase
from tests.unit.desktop.supervisor.engines.kit import TwoEngines
from tests.unit.sshd import eventually
from vm.errors import EngineError, HostError, MachineError


@pytest.fixture
def two(tmp_path: Path) -> TwoEngines:
    return TwoEngines(tmp_path)


async def run(events: AsyncIterator[Event]) -> Event:
    """The last event."""
    return [event async for event in events][-1]


async def started(two: TwoEngines) -> TwoEngines:
    """Linux containers are in use."""
    two.engines.open(machine_left=False)
    assert (await run(two.engines.start())).kind == "done"
    return two


async def test_there_and_back(two: TwoEngines) -> None:
    await started(two)
    told = await run(two.engines.use("windows"))
    assert (told.kind, told.text) == ("done", "Windows containers are in use: Moby 28.5.2, windows/amd64")
    assert two.steps[-5:] == ["idle", "starting", "handing over", "stopping", "idle"]
    assert two.record.read() == two.engines.in_use.name == "windows"
    assert two.linux.lifecycle.phase is Phase.STOPPED
    assert two.connections.cut_with == ["Slipway has switched to Windows containers"]
    assert two.main.notes[-2:] == ["hold: Slipway is switching to Windows containers", "open"]
    assert (await run(two.engines.use("linux"))).kind == "done"
    assert two.record.read() == "linux"
    assert two.windows.lifecycle.phase is Phase.STOPPED
    assert two.linux.backend.starts == 2


async def test_the_one_that_is_left_goes_on_if_both_are_to(two: TwoEngines) -> None:
    two.keep_both = True
    await started(two)
    await run(two.engines.use("windows"))
    assert two.linux.lifecycle.phase is Phase.RUNNING
    assert [(one.name, one.state, one.in_use) for one in two.engines.report()] == [
        ("linux", RunState.RUNNING, False),
        ("windows", RunState.RUNNING, True),
    ]
    assert two.linux.gate.last == "open", "its own address leads to it still"
    await run(two.engines.stop())
    assert {life.phase for life in two.engines.lives} == {Phase.STOPPED}


async def test_the_setting_stops_what_is_not_in_use(two: TwoEngines) -> None:
    two.keep_both = True
    await started(two)
    await run(two.engines.use("windows"))
    two.engines.arrange()
    two.keep_both = False
    two.engines.arrange()
    await eventually(lambda: two.linux.lifecycle.phase is Phase.STOPPED)
    assert two.windows.lifecycle.phase is Phase.RUNNING


async def test_both_are_started_if_both_are_to_run(two: TwoEngines) -> None:
    two.keep_both = True
    await started(two)
    two.engines.arrange()
    await asyncio.sleep(0)
    assert two.windows.backend.starts == 0, "nobody has used it yet"
    await run(two.engines.use("windows"))
    await run(two.engines.stop())
    assert (await run(two.engines.start())).kind == "done"
    await eventually(lambda: two.linux.lifecycle.phase is Phase.RUNNING)
    assert [one.used for one in two.engines.report()] == [True, True]
    await run(two.engines.stop())
    assert {life.phase for life in two.engines.lives} == {Phase.STOPPED}


async def test_the_setting_starts_what_is_not_in_use(two: TwoEngines) -> None:
    await started(two)
    await run(two.engines.use("windows"))
    assert two.linux.lifecycle.phase is Phase.STOPPED
    two.keep_both = True
    two.linux.backend.failures = [HostError("no memory")]
    two.engines.arrange()
    await eventually(lambda: two.linux.lifecycle.failure is not None)
    assert two.windows.lifecycle.phase is Phase.RUNNING
    assert two.engines.report()[0].summary == "no memory"
    await run(two.engines.stop())


async def test_one_that_does_not_start_leaves_the_other_in_use(two: TwoEngines) -> None:
    await started(two)
    two.windows.backend.failures = [HostError("no service")]
    notes = len(two.main.notes)
    told = await run(two.engines.use("windows"))
    assert told.error is not None
    assert told.error.message == "no service"
    assert two.record.read() == two.engines.in_use.name == "linux"
    assert two.main.notes[notes:] == []
    assert two.connections.cut_with == []
    assert two.linux.lifecycle.phase is Phase.RUNNING


@pytest.mark.parametrize("how", ["no answer", "the wrong one"])
async def test_one_that_does_not_answer_where_the_user_asks_is_left_again(two: TwoEngines, how: str) -> None:
    await started(two)
    if how == "no answer":
        two.asked.failure = EngineError("no answer")
    else:
        two.asked.os = "linux"
    told = await run(two.engines.use("windows"))
    assert told.error is not None
    assert told.error.message.startswith(
        "The switch to Windows containers has failed, and Linux containers are in use"
    )
    assert two.record.read() == "linux"
    assert two.windows.lifecycle.phase is Phase.STOPPED
    assert two.linux.lifecycle.phase is Phase.RUNNING
    assert two.steps[-4:] == ["starting", "handing over", "returning", "idle"]


async def test_what_is_not_set_up_says_so_at_once(two: TwoEngines) -> None:
    await started(two)
    two.windows.absent = HostError("not set up", "slipway engine setup")
    told = await run(two.engines.use("windows"))
    assert told.error is not None
    assert (told.error.message, told.error.hint) == ("not set up", "slipway engine setup")
    assert two.steps == ["idle"]


async def test_a_record_that_cannot_be_written_changes_nothing(
    two: TwoEngines, monkeypatch: pytest.MonkeyPatch
) -> None:
    await started(two)

    def full(path: Path, content: bytes) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("desktop.supervisor.engines.record.write_atomically", full)
    told = await run(two.engines.use("windows"))
    assert told.error is not None
    assert "No space left on device" in told.error.message
    assert two.engines.in_use.name == "linux"
    assert two.main.last == "open"
    assert two.connections.cut_with == []


async def test_a_switch_that_is_cancelled_changes_nothing(two: TwoEngines) -> None:
    await started(two)
    two.windows.backend.block = asyncio.Event()
    switching = asyncio.create_task(run(two.engines.use("windows")))
    await eventually(lambda: two.windows.backend.starts == 1)
    assert [one.switching for one in two.engines.report()] == [False, True]
    assert (await two.engines.cancel_start()).text == "The switch was cancelled"
    told = await switching
    assert told.error is not None
    assert two.windows.lifecycle.phase is Phase.STOPPED
    assert two.engines.in_use.name == "linux"
    assert two.linux.lifecycle.phase is Phase.RUNNING


async def test_stop_ends_a_switch_and_both_engines(two: TwoEngines) -> None:
    await started(two)
    two.windows.backend.block = asyncio.Event()
    switching = asyncio.create_task(run(two.engines.use("windows")))
    await eventually(lambda: two.windows.backend.starts == 1)
    assert (await run(two.engines.stop())).text == "Slipway is stopped"
    assert (await switching).kind == "error"
    assert {life.phase for life in two.engines.lives} == {Phase.STOPPED}


async def test_who_asks_for_the_same_switch_joins_it(two: TwoEngines) -> None:
    await started(two)
    block = two.windows.backend.block = asyncio.Event()
    both = [asyncio.create_task(run(two.engines.use("windows"))) for _ in range(2)]
    await eventually(lambda: two.windows.backend.starts == 1)
    back = asyncio.create_task(run(two.engines.use("linux")))
    await asyncio.sleep(0)
    block.set()
    assert {(await one).text for one in both} == {"Windows containers are in use: Moby 28.5.2, windows/amd64"}
    assert (await back).kind == "done"
    assert two.engines.in_use.name == "linux"


async def test_the_one_in_use_is_only_started(two: TwoEngines) -> None:
    two.engines.open(machine_left=False)
    told = await run(two.engines.use("linux"))
    assert (told.kind, told.text) == ("done", "Linux containers are in use")
    assert two.linux.lifecycle.phase is Phase.RUNNING
    assert two.steps == ["idle"]


async def test_the_old_engine_that_does_not_stop_is_only_told_of(two: TwoEngines) -> None:
    await started(two)
    two.linux.backend.stop_failure = MachineError("QEMU cannot be ended", "End it.")
    told = await run(two.engines.use("windows"))
    assert told.kind == "done"
    assert "could not be stopped: QEMU cannot be ended. End it." in told.text
    assert two.engines.in_use.name == "windows"


@pytest.mark.parametrize("in_use", ["linux", "windows"])
@pytest.mark.parametrize("keep_both", [False, True])
async def test_after_a_kill_one_is_in_use_and_the_other_is_stopped(
    tmp_path: Path, in_use: str, keep_both: bool
) -> None:
    """Whatever a supervisor that was killed in the middle of a switch has left: both run."""
    EngineRecord(tmp_path / "engine.json", "linux").write(in_use)
    two = TwoEngines(tmp_path)
    two.keep_both = keep_both
    two.linux.backend.adoptable = two.windows.backend.adoptable = True
    two.engines.open(machine_left=True)
    used, other = (two.linux, two.windows) if in_use == "linux" else (two.windows, two.linux)
    wanted = Phase.RUNNING if keep_both else Phase.STOPPED
    await eventually(lambda: other.lifecycle.phase is wanted and used.lifecycle.phase is Phase.RUNNING)
    assert two.main.last == "open"


def test_a_record_that_cannot_be_understood_is_none(tmp_path: Path) -> None:
    record = EngineRecord(tmp_path / "engine.json", "linux")
    for content in (b"", b"[]", b'{"in_use"', b"\xff", b"null"):
        (tmp_path / "engine.json").write_bytes(content)
        assert record.read() == "linux"


async def test_an_engine_that_is_not_there(two: TwoEngines) -> None:
    with pytest.raises(EngineError, match="There is no engine “solaris”"):
        await run(two.engines.use("solaris"))
