"""Work that follows the machine's link."""

from __future__ import annotations

import asyncio
import logging
from typing import cast

import pytest

from vm.guest.link_task import LinkTask
from vm.guest.stream import Carrier


class Work(LinkTask[Carrier]):
    """Writes down what it is told to do, and fails at the way called ``bad``."""

    def __init__(self) -> None:
        self.told: list[str] = []

    async def work(self, way: Carrier) -> None:
        if str(way) == "bad":
            raise ValueError("no good")
        self.told.append(f"begin {way}")
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)  # tidying up takes a turn of the loop
            self.told.append(f"end {way}")


def way(name: str) -> Carrier:
    return cast(Carrier, name)


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_each_way_has_its_own_work() -> None:
    work, first = Work(), way("first")
    work.use(first)
    await turn()
    work.use(first)
    await turn()
    assert work.told == ["begin first"]
    work.use(None)
    await turn()
    work.use(way("second"))
    await turn()
    assert work.told == ["begin first", "end first", "begin second"]
    await work.close()
    assert work.told[-1] == "end second"
    await work.close()


async def test_what_fails_is_told(caplog: pytest.LogCaptureFixture) -> None:
    work = Work()
    with caplog.at_level(logging.ERROR):
        work.use(way("bad"))
        await turn()
    assert "Work has ended" in caplog.text
    assert "no good" in caplog.text
    await work.close()
