"""The list of parts: one that fails is seen, and does not keep anything from the others."""

from __future__ import annotations

import pytest

from desktop.control.schema import PartReport, PartState
from desktop.settings.schema import Settings
from desktop.supervisor.lifecycle.boot_plan import BootPlan
from desktop.supervisor.parts.base import Part
from desktop.supervisor.parts.registry import PartRegistry
from engine.backends.base import Guest
from tests.unit.carriers import MemoryCarrier, MemoryStream
from vm.errors import HostError


class Recorder(Part):
    """Records its calls."""

    def __init__(self, name: str, notes: list[str]) -> None:
        self.name = name
        self._notes = notes

    def configure(self, settings: Settings) -> None:
        self._notes.append(f"{self.name}: configure")

    async def plan(self, plan: BootPlan) -> None:
        self._notes.append(f"{self.name}: plan")
        plan.config[self.name] = b"here"

    def attach(self, guest: Guest) -> None:
        self._notes.append(f"{self.name}: attach")

    async def prepare_stop(self) -> None:
        self._notes.append(f"{self.name}: prepare")

    def detach(self, *, ended: bool) -> None:
        self._notes.append(f"{self.name}: detach {ended}")

    async def close(self) -> None:
        self._notes.append(f"{self.name}: close")


class Broken(Part):
    """Fails at everything."""

    name = "broken"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def configure(self, settings: Settings) -> None:
        raise self._error

    async def plan(self, plan: BootPlan) -> None:
        raise self._error

    def attach(self, guest: Guest) -> None:
        raise self._error

    async def prepare_stop(self) -> None:
        raise self._error

    def detach(self, *, ended: bool) -> None:
        raise self._error

    async def close(self) -> None:
        raise self._error


async def nothing(stream: MemoryStream) -> None:
    await stream.close()


async def through_life(registry: PartRegistry) -> BootPlan:
    plan = BootPlan(Settings(), None)
    registry.configure(Settings())
    await registry.plan(plan)
    registry.attach(Guest(MemoryCarrier(nothing), False))  # type: ignore[arg-type]  # a carrier is enough here
    await registry.prepare_stop()
    registry.detach(ended=True)
    await registry.close()
    return plan


@pytest.mark.parametrize("error", [HostError("a certificate cannot be read"), RuntimeError("bug")])
async def test_what_is_optional_never_ends_a_start(error: Exception, caplog: pytest.LogCaptureFixture) -> None:
    notes: list[str] = []
    registry = PartRegistry((Recorder("first", notes), Broken(error), Recorder("last", notes)))
    plan = await through_life(registry)
    assert plan.config == {"first": b"here", "last": b"here"}
    actions = ("configure", "plan", "attach", "prepare", "detach True", "close")
    assert notes == [f"{name}: {action}" for action in actions for name in ("first", "last")]
    text = getattr(error, "message", "RuntimeError: bug")
    assert registry.report() == (
        PartReport("first", PartState.RUNNING),
        PartReport("broken", PartState.DEGRADED, error=text),
        PartReport("last", PartState.RUNNING),
    )
    assert str(error) in caplog.text
    assert ("Traceback" in caplog.text) is isinstance(error, RuntimeError)


async def test_a_part_that_works_again_is_well_again() -> None:
    class Once(Part):
        name = "once"
        failing = True

        async def plan(self, plan: BootPlan) -> None:
            if self.failing:
                raise HostError("not now")

    part = Once()
    registry = PartRegistry((part,))
    await registry.plan(BootPlan(Settings(), None))
    assert registry.report() == (PartReport("once", PartState.DEGRADED, error="not now"),)
    part.failing = False
    await registry.plan(BootPlan(Settings(), None))
    assert registry.report() == (PartReport("once", PartState.RUNNING),)
