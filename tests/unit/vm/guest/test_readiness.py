"""What a guest has to report before it counts as up."""

from __future__ import annotations

import asyncio

import pytest

from vm.errors import MachineError, StageTimeout
from vm.guest import readiness
from vm.guest.control import GuestStage
from vm.guest.readiness import Readiness, Requirement


def test_every_requirement_names_what_happens() -> None:
    for requirement in readiness.REQUIREMENTS:
        assert isinstance(requirement, Requirement)
        assert requirement.description
        assert requirement.hint
        assert requirement.deadline > 0


async def test_a_deadline_goes_by_the_clock_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readiness, "LOOK_SECONDS", 0.01)
    now = 0.0
    ready = Readiness(2.0)
    waiting = asyncio.create_task(ready.wait("init", lambda: now))
    await asyncio.sleep(0.1)
    now = 29.9
    await asyncio.sleep(0.1)
    assert not waiting.done()
    now = 30.1
    with pytest.raises(StageTimeout, match=r"“init”: it was given 30 s for starting the kernel"):
        await waiting


async def test_stages_may_come_in_any_order() -> None:
    ready = Readiness()
    waiting = asyncio.create_task(ready.wait("network"))
    for name in ("network", "data", "modules", "init"):
        await asyncio.sleep(0)
        assert not waiting.done()
        ready.report(GuestStage(name, 1.0))
    await asyncio.wait_for(waiting, 1)


async def test_a_later_stage_that_failed_ends_the_waiting() -> None:
    ready = Readiness()
    waiting = asyncio.create_task(ready.wait("network"))
    await asyncio.sleep(0)
    ready.report(GuestStage("services", 0.0, "no room"))
    with pytest.raises(MachineError, match="failed at “services”") as caught:
        await waiting
    assert caught.value.detail == "no room"
