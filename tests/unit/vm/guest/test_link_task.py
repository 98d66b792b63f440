"""Work that follows the machine's link."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.carriers import MemoryCarrier, refuse
from tests.unit.mock_clock import run
from vm.guest.link_task import LinkTask
from vm.tasks import TaskState


class Way(MemoryCarrier):
    """A way into the machine that has a name."""

    def __init__(self, name: str) -> None:
        super().__init__(refuse)
        self.name = name


class Work(LinkTask[Way]):
    """Records its work, and fails at the way called ``bad``."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def work(self, way: Way) -> None:
        if way.name == "bad":
            raise ValueError("no good")
        self.told.append(f"begin {way.name}")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # tidying up takes a turn of the loop
            self.told.append(f"end {way.name}")


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_each_way_has_its_own_work() -> None:
    work, first = Work(), Way("first")
    work.use(first)
    await turn()
    work.use(first)
    await turn()
    assert work.told == ["begin first"]
    work.use(None)
    await turn()
    work.use(Way("second"))
    await turn()
    assert work.told == ["begin first", "end first", "begin second"]
    await work.close()
    assert work.told[-1] == "end second"
    await work.close()


def test_work_that_fails_is_started_again(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        work = Work()
        assert work.health.state is TaskState.ENDED
        work.use(Way("bad"))
        await asyncio.sleep(60)
        assert work.health.failures > 3
        assert work.health.error == "ValueError: no good"
        work.use(Way("good"))
        await turn()
        assert work.health.ok
        assert work.told == ["begin good"]
        await work.close()
        assert work.health.state is TaskState.ENDED

    run(main())
    assert "Work failed, and is started again in 0.1 s" in caplog.text
    assert "no good" in caplog.text
