"""The lifecycle: the exact phases, the gate in each, and what happens to work that is interrupted or fails."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from desktop.control.schema import Event
from desktop.supervisor.context import Emit
from desktop.supervisor.lifecycle import lifecycle as module
from desktop.supervisor.lifecycle import restart_policy
from desktop.supervisor.lifecycle.phase import TRANSITIONS, Phase, require_transition
from tests.unit.desktop.supervisor.lifecycle.kit import Kit, collect, outcome
from vm.errors import DiskError, MachineError

STOPPED = "shut: Slipway is stopped. Start it: slipway start"
STOPPING = "shut: Slipway is stopping. Start it: slipway start"


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Kit:
    monkeypatch.setattr(restart_policy, "PAUSES", (0.0, 0.0, 0.0))
    made = Kit(tmp_path)
    made.lifecycle.open(adopt=False)
    return made


async def start(kit: Kit) -> None:
    text = outcome(await collect(kit.lifecycle.start()))
    assert text.startswith("Moby 28.5.2 answers on /run/user/docker.sock after")


async def test_start_and_stop(kit: Kit) -> None:
    assert kit.gate.last == STOPPED
    await start(kit)
    assert kit.gate.notes == [STOPPED, "hold: the machine is starting", "open"]
    assert [boot.stages[0].name for boot in kit.history.list()] == ["image"]
    assert outcome(await collect(kit.lifecycle.start())) == "Slipway is already running"
    assert outcome(await collect(kit.lifecycle.stop())) == "Slipway is stopped"
    assert kit.phases == ["stopped", "starting", "running", "stopping", "stopped"]
    assert kit.gate.notes[-2:] == [STOPPING, STOPPED]
    assert outcome(await collect(kit.lifecycle.stop())) == "Slipway is already stopped"


async def test_every_ending_closes_the_gate_first(kit: Kit) -> None:
    """Before the containers are stopped and the link goes, so no client sees that dockerd does not answer."""

    async def work(emit: Emit) -> str:
        assert kit.gate.last == STOPPING
        return "done"

    for ending in (kit.lifecycle.stop, lambda: kit.lifecycle.while_stopped("reset", work)):
        await start(kit)
        kit.parts.notes.clear()
        await collect(ending())
        assert kit.backend.gate_when_stopping == STOPPING
        assert kit.parts.notes == ["prepare with the gate shut", "detach ended"]
        assert (kit.lifecycle.phase, kit.gate.last) == (Phase.STOPPED, STOPPED)
    await start(kit)
    await kit.lifecycle.settle()
    assert kit.backend.gate_when_stopping == STOPPING
    assert kit.gate.last == STOPPED


async def test_a_restart_lets_connections_wait(kit: Kit) -> None:
    await start(kit)
    kit.gate.notes.clear()
    await collect(kit.lifecycle.restart())
    assert kit.gate.notes == ["hold: Slipway is restarting", "hold: the machine is starting", "open"]
    assert kit.phases[-4:] == ["running", "restarting", "starting", "running"]


async def test_a_failed_start_says_why_and_can_be_tried_again(kit: Kit) -> None:
    kit.backend.failures = [DiskError("The disk is full", "Free some space.")]
    events = await collect(kit.lifecycle.start())
    assert outcome(events) == "The disk is full"
    assert kit.phases == ["stopped", "starting", "failed"]
    assert kit.gate.last == "shut: Slipway is not available: The disk is full. Free some space"
    assert kit.lifecycle.failed_stage == "finding the system image"
    await start(kit)
    assert kit.lifecycle.failure is None
    await collect(kit.lifecycle.stop())


async def test_stop_sets_a_failure_back(kit: Kit) -> None:
    kit.backend.failures = [MachineError("no")]
    await collect(kit.lifecycle.start())
    assert outcome(await collect(kit.lifecycle.stop())) == "Slipway is stopped"
    assert (kit.lifecycle.phase, kit.lifecycle.failure) == (Phase.STOPPED, None)


async def test_a_reset_sets_a_failure_back(kit: Kit) -> None:
    kit.backend.failures = [MachineError("no")]
    await collect(kit.lifecycle.start())

    async def work(emit: Emit) -> str:
        return "was reset"

    assert outcome(await collect(kit.lifecycle.while_stopped("reset", work))) == "was reset"
    assert (kit.lifecycle.phase, kit.lifecycle.failure, kit.gate.last) == (Phase.STOPPED, None, STOPPED)


async def begun(kit: Kit) -> asyncio.Task[list[Event]]:
    """A start that does not get on."""
    kit.backend.block = asyncio.Event()
    task = asyncio.create_task(collect(kit.lifecycle.start()))
    while kit.backend.starts == 0:
        await asyncio.sleep(0)
    kit.backend.block = None
    return task


async def test_stop_cancels_a_start(kit: Kit) -> None:
    starting = await begun(kit)
    await collect(kit.lifecycle.stop())
    assert outcome(await starting) == "The start was cancelled"
    assert kit.phases == ["stopped", "starting", "stopping", "stopped"]
    assert kit.gate.notes[-2:] == [STOPPING, STOPPED]


@pytest.mark.parametrize("name", ["start", "restart"])
async def test_a_client_that_goes_away_undoes_nothing(kit: Kit, name: str) -> None:
    kit.backend.block = block = asyncio.Event()
    starting = asyncio.create_task(collect(getattr(kit.lifecycle, name)()))
    while kit.backend.starts == 0:
        await asyncio.sleep(0)
    starting.cancel()
    await asyncio.gather(starting, return_exceptions=True)
    assert kit.phases == ["stopped", "starting"]
    block.set()
    await kit.settled()
    assert kit.phases == ["stopped", "starting", "running"]


async def test_a_start_is_cancelled_for_the_last_who_follows_it(kit: Kit) -> None:
    first = await begun(kit)
    second = asyncio.create_task(collect(kit.lifecycle.start()))
    await asyncio.sleep(0)
    assert (await kit.lifecycle.cancel_start()).text == "Another client waits for the start, so it goes on"
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    assert (await kit.lifecycle.cancel_start()).text == "The start was cancelled"
    assert outcome(await first) == "The start was cancelled"
    assert (kit.lifecycle.phase, kit.gate.last) == (Phase.STOPPED, STOPPED)
    assert kit.lifecycle.note == "The start was cancelled"
    assert (await kit.lifecycle.cancel_start()).text == "There is no start to cancel"
    await collect(kit.lifecycle.start())
    assert kit.lifecycle.note == ""


async def test_what_is_not_a_start_is_not_cancelled(kit: Kit) -> None:
    go = asyncio.Event()

    async def work(emit: Emit) -> str:
        await go.wait()
        return "was reset"

    resetting = asyncio.create_task(collect(kit.lifecycle.while_stopped("reset", work)))
    await asyncio.sleep(0)
    assert (await kit.lifecycle.cancel_start()).text == "There is no start to cancel"
    go.set()
    assert outcome(await resetting) == "was reset"


async def test_a_start_is_joined(kit: Kit) -> None:
    first, second = (asyncio.create_task(collect(kit.lifecycle.start())) for _ in range(2))
    assert outcome(await first) == outcome(await second)
    assert kit.backend.starts == 1


async def test_an_engine_that_ends_is_started_again(kit: Kit) -> None:
    await start(kit)
    kit.gate.notes.clear()
    kit.backend.die()
    await kit.settled()
    assert kit.phases[-3:] == ["running", "recovering", "running"]
    assert kit.gate.notes[-2:] == ["hold: the machine ended unexpectedly and is being started again", "open"]
    assert kit.parts.notes[-2:] == ["detach ended", "attach"]


async def test_recovery_is_given_up(kit: Kit) -> None:
    await start(kit)
    kit.backend.failures = [MachineError(f"failure {number}") for number in range(9)]
    kit.backend.die()
    await kit.settled()
    assert kit.lifecycle.phase is Phase.FAILED
    assert kit.lifecycle.failure is not None
    assert kit.lifecycle.failure.message == f"failure {len(restart_policy.PAUSES) - 1}"
    await collect(kit.lifecycle.stop())


async def test_stop_cancels_a_recovery(kit: Kit) -> None:
    await start(kit)
    kit.backend.block = asyncio.Event()
    kit.backend.die()
    while kit.backend.starts < 2:
        await asyncio.sleep(0)
    await collect(kit.lifecycle.stop())
    assert (kit.lifecycle.phase, kit.gate.last) == (Phase.STOPPED, STOPPED)


async def test_a_death_before_the_first_answer_is_tried_again(kit: Kit) -> None:
    kit.engine.answers.clear()
    starting = asyncio.create_task(collect(kit.lifecycle.start()))
    await kit.engine.waiting.wait()
    kit.backend.die("QEMU was killed by SIGSEGV")
    kit.engine.answers.set()
    events = await starting
    assert outcome(events).startswith("Moby")
    assert kit.backend.starts == 2
    assert any("starting it again" in event.text for event in events)
    assert kit.phases == ["stopped", "starting", "running"]


async def test_an_engine_that_always_dies_fails_the_start(kit: Kit, monkeypatch: pytest.MonkeyPatch) -> None:
    kit.engine.answers.clear()
    starting = asyncio.create_task(collect(kit.lifecycle.start()))
    for number in range(1 + module.MOST_DEATHS):
        while kit.backend.starts <= number or not kit.engine.waiting.is_set():
            await asyncio.sleep(0)
        kit.engine.waiting.clear()
        kit.backend.die(f"death {number}")
    assert outcome(await starting) == f"death {module.MOST_DEATHS}"
    assert kit.lifecycle.phase is Phase.FAILED


async def test_a_death_during_another_job_is_not_forgotten(kit: Kit) -> None:
    """A start of what runs already asks the engine; when it dies meanwhile, it is recovered afterwards."""
    await start(kit)
    kit.engine.answers.clear()
    asking = asyncio.create_task(collect(kit.lifecycle.start()))
    while kit.lifecycle.job is None:
        await asyncio.sleep(0)
    kit.backend.die()
    kit.engine.answers.set()
    await asking
    await kit.settled()
    assert kit.lifecycle.phase is Phase.RUNNING
    assert kit.backend.starts == 2


async def test_the_link_is_lost_and_comes_back(kit: Kit) -> None:
    await start(kit)
    kit.gate.notes.clear()
    kit.lifecycle.lost("the connection to the machine was lost")
    kit.backend.come_up(adopted=False)
    assert kit.gate.notes == ["hold: the connection to the machine was lost", "open"]
    assert kit.parts.notes[-2:] == ["detach", "attach"]
    assert kit.lifecycle.phase is Phase.RUNNING


async def test_a_held_machine_turns_connections_away(kit: Kit) -> None:
    await start(kit)
    kit.lifecycle.held(DiskError("The disk of your computer is full", "Free some space"))
    assert kit.lifecycle.phase is Phase.PAUSED
    assert kit.gate.last == "shut: Slipway is not available: The disk of your computer is full. Free some space"
    assert outcome(await collect(kit.lifecycle.start())) == "Slipway is already running"
    assert (kit.lifecycle.phase, kit.gate.last) == (Phase.RUNNING, "open")


async def test_adoption(kit: Kit) -> None:
    kit.backend.adoptable = True
    kit.lifecycle.open(adopt=True)
    await kit.settled()
    assert kit.phases == ["stopped", "adopting", "running"]
    assert kit.parts.notes == ["attach adopted"]


async def test_nothing_to_adopt(kit: Kit) -> None:
    kit.lifecycle.open(adopt=True)
    await kit.settled()
    assert (kit.lifecycle.phase, kit.gate.last) == (Phase.STOPPED, STOPPED)


async def test_an_engine_that_cannot_be_ended_is_a_failure(kit: Kit) -> None:
    await start(kit)
    kit.backend.stop_failure = MachineError("QEMU cannot be ended")
    assert outcome(await collect(kit.lifecycle.stop())) == "QEMU cannot be ended"
    assert kit.lifecycle.phase is Phase.FAILED


async def test_unforeseen_errors_leave_nothing_half_started(kit: Kit) -> None:
    kit.backend.failures = [RuntimeError("bug")]  # type: ignore[list-item]  # what a backend must not raise
    events = await collect(kit.lifecycle.start())
    assert events[-1].error is not None
    assert events[-1].error.code == "Unforeseen"
    assert (kit.lifecycle.phase, kit.gate.last) == (Phase.STOPPED, STOPPED)


def test_a_wrong_transition_is_an_error() -> None:
    require_transition(Phase.STOPPED, Phase.STARTING)
    with pytest.raises(AssertionError, match="no way from stopped to running"):
        require_transition(Phase.STOPPED, Phase.RUNNING)


def test_every_phase_can_be_left_and_ends_up_stopped() -> None:
    for phase, following in TRANSITIONS.items():
        assert following
        assert phase in (Phase.STOPPED, Phase.STOPPING) or Phase.STOPPING in following


async def test_who_is_asked_for_something_is_wanted(kit: Kit) -> None:
    assert not kit.lifecycle.wanted()
    await collect(kit.lifecycle.stop())  # “slipway stop --keep-supervisor”
    assert kit.lifecycle.wanted()


@pytest.mark.parametrize("adoptable", [True, False])
async def test_who_has_a_machine_is_wanted(tmp_path: Path, adoptable: bool) -> None:
    """One that an earlier supervisor has left, and not only its remains."""
    kit = Kit(tmp_path)
    kit.backend.adoptable = adoptable
    kit.lifecycle.open(adopt=True)
    assert kit.lifecycle.wanted()
    await kit.settled()
    assert kit.lifecycle.wanted() is adoptable


@pytest.mark.parametrize(
    "error", [MachineError("no context", "Make one."), PermissionError("no"), KeyError("defect")]
)
async def test_what_follows_from_a_start_never_ends_it(kit: Kit, error: Exception) -> None:
    async def broken() -> str:
        raise error

    async def note() -> str:
        return "another note"

    kit.lifecycle.started += [broken, note]
    text = outcome(await collect(kit.lifecycle.start()))
    assert "another note" in text
    assert ("no context. Make one." if isinstance(error, MachineError) else "failed unexpectedly") in text
    assert kit.lifecycle.phase is Phase.RUNNING
