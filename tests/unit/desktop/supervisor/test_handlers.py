"""The supervisor does every call, and a start makes the Docker context of those who have asked for it."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import pytest

from desktop.control.calls import CALLS, ControlApi
from desktop.control.schema import CallerEnvironment, Event
from desktop.supervisor.__main__ import make_supervisor
from desktop.supervisor.app import Supervisor
from desktop.supervisor.handlers import handlers
from desktop.supervisor.server import Clients, make_app
from tests.unit.desktop.supervisor.engines.kit import only
from tests.unit.desktop.supervisor.lifecycle.kit import Kit, collect, outcome
from tests.unit.sshd import eventually
from vm.errors import MachineError
from vm.host import host
from vm.host.paths import Paths


async def test_each_call_has_a_handler(tmp_path: Path) -> None:
    paths = Paths(tmp_path / "h", tmp_path / "c")
    paths.prepare()
    _, routes = make_supervisor(paths, host())
    assert len(make_app(routes, Clients()).router.resources()) <= len(CALLS)
    assert len(routes) == len(CALLS) - 1  # the server itself says hello


class Starts:
    """The call ``start`` of a supervisor whose engine is a fake."""

    def __init__(self, folder: Path) -> None:
        self.kit = Kit(folder)
        self.lifecycle, self.backend = self.kit.lifecycle, self.kit.backend
        self._folder = folder
        paths = Paths(folder / "h", folder / "c")
        paths.prepare()
        supervisor = Supervisor(paths, host())
        supervisor.engines = only(self.lifecycle, folder)
        self.lifecycle.started.append(supervisor.docker_context.offer_expected)
        (route,) = (route for route in handlers(supervisor) if route.call is ControlApi.start)
        self._handler: Any = route.handler

    def by(self, name: str) -> AsyncGenerator[Event]:
        """A start for the terminal with that configuration of Docker."""
        caller = CallerEnvironment.of({"DOCKER_CONFIG": str(self._folder / name)})
        events: AsyncGenerator[Event] = self._handler(caller)
        return events

    def has_context(self, name: str) -> bool:
        """Whether there is the context in that configuration; removes it."""
        found = (self._folder / name / "contexts").exists()
        shutil.rmtree(self._folder / name, ignore_errors=True)
        return found

    async def stop(self) -> None:
        await collect(self.lifecycle.stop())


@pytest.fixture
def starts(tmp_path: Path) -> Starts:
    return Starts(tmp_path)


async def test_a_start_makes_the_context_of_its_clients(starts: Starts) -> None:
    ann, bob = await asyncio.gather(collect(starts.by("ann")), collect(starts.by("bob")))
    assert "“slipway”" in outcome(ann)
    assert "“slipway”" in outcome(bob)
    assert starts.has_context("ann")
    assert starts.has_context("bob")
    await collect(starts.by("ann"))  # it runs already
    assert starts.has_context("ann")


@pytest.mark.parametrize("how", ["fails", "is cancelled"])
async def test_a_start_that_comes_to_nothing_makes_none_later(starts: Starts, how: str) -> None:
    starts.backend.failures = [MachineError("no QEMU")] if how == "fails" else []
    starts.backend.block = asyncio.Event()
    starting = asyncio.gather(collect(starts.by("ann")), collect(starts.by("ann")))
    await eventually(lambda: starts.backend.starts == 1)
    if how == "fails":
        starts.backend.block.set()
    else:
        job = starts.lifecycle.job
        assert job is not None
        await job.cancel()
    assert "context" not in "".join(outcome(events) for events in await starting)
    starts.backend.block = None
    assert "“slipway”" in outcome(await collect(starts.by("bob")))
    assert starts.has_context("bob")
    assert not starts.has_context("ann")


@pytest.mark.parametrize("good", [True, False])
async def test_a_client_that_leaves_gets_its_context_from_that_start_alone(starts: Starts, good: bool) -> None:
    """The start goes on without it."""
    starts.backend.block = asyncio.Event()
    starts.backend.failures = [] if good else [MachineError("no QEMU")]
    leaving, other = starts.by("ann"), asyncio.create_task(collect(starts.by("ann")))
    await anext(leaving)
    await leaving.aclose()
    starts.backend.block.set()
    assert ("“slipway”" in outcome(await other)) is good
    await starts.kit.settled()
    assert starts.has_context("ann") is good
    await starts.stop()
    await collect(starts.by("bob"))
    assert not starts.has_context("ann")


async def test_a_client_that_leaves_before_its_start_began_gets_none(starts: Starts) -> None:
    """It waits for its turn."""
    await collect(starts.by("bob"))
    stopping = asyncio.create_task(collect(starts.lifecycle.stop()))
    await asyncio.sleep(0)
    waiting = asyncio.create_task(collect(starts.by("ann")))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting, stopping])
    assert waiting.cancelled()
    await starts.kit.settled()
    await collect(starts.by("bob"))
    assert not starts.has_context("ann")
