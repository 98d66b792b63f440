"""The stand-in behaves towards its clients as the supervisor does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import pytest

from desktop.control.client import ControlClient
from desktop.control.schema import Event, PartState, RemoteError, ResetLevel, RunState
from desktop.supervisor.fake.scenario import Scenario
from desktop.supervisor.fake.supervisor import FakeSupervisor, handlers
from desktop.supervisor.server import serve
from vm.host import host
from vm.host.paths import Paths

Play = Callable[..., AbstractAsyncContextManager[ControlClient]]


@pytest.fixture
def play(paths: Paths, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """Plays a scenario: ``async with play("running") as client``."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))

    @asynccontextmanager
    async def playing(scenario: str = "") -> AsyncIterator[ControlClient]:
        fake = FakeSupervisor(paths, host(), Scenario.parse(scenario))
        await fake.open()
        try:
            async with serve(handlers(fake), paths.control_socket):
                async with await ControlClient.connect(paths, spawn=False) as client:
                    yield client
                await fake.settle()
        finally:
            await fake.close()

    return playing


async def follow(events: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in events]


async def test_from_stopped_to_running_and_back(play: Play) -> None:
    async with play() as client:
        assert (await client.status()).state is RunState.STOPPED
        events = await follow(client.start())
        assert {event.kind for event in events} == {"progress", "stage", "done"}
        status = await client.status()
        assert status.state is RunState.RUNNING
        assert status.engine is not None
        assert {part.state for part in status.parts} == {PartState.RUNNING}
        (boot,) = await client.boots()
        assert [stage.name for stage in boot.stages] == [event.text for event in events if event.kind == "stage"]
        await follow(client.restart())
        await follow(client.stop())
        assert (await client.status()).state is RunState.STOPPED


async def test_each_state_is_seen_by_a_watcher(play: Play) -> None:
    async with play() as client:
        states = [(await anext(watch := client.watch(60.0))).state]
        start = asyncio.create_task(follow(client.start()))
        async for status in watch:
            if status.state is not states[-1]:
                states.append(status.state)
            if status.state is RunState.RUNNING:
                break
        await watch.aclose()
        await start
    assert states == [RunState.STOPPED, RunState.STARTING, RunState.RUNNING]


async def test_a_start_that_fails_says_where(play: Play) -> None:
    async with play("failing") as client:
        with pytest.raises(RemoteError, match="trial boot"):
            await follow(client.start())
        status = await client.status()
        assert (status.state, status.stage) == (RunState.FAILED, "looking for hardware acceleration")
        assert status.failure is not None
        await follow(client.stop())
        assert (await client.status()).failure is None


async def test_a_stop_cancels_a_start(play: Play) -> None:
    async with play("slow") as client:
        start = client.start()
        await anext(start)
        await follow(client.stop())
        with pytest.raises(RemoteError, match="cancelled"):
            await follow(start)
        assert (await client.status()).state is RunState.STOPPED


async def test_a_start_goes_on_without_clients_until_it_is_cancelled(play: Play) -> None:
    async with play("slow") as client:
        start = client.start()
        await anext(start)
        await start.aclose()
        assert (await client.status()).state is RunState.STARTING
        assert (await client.cancel_start()).text == "The start was cancelled"
        status = await client.status()
        assert (status.state, status.note) == (RunState.STOPPED, "The start was cancelled")


async def test_settings_are_all_or_none(play: Play) -> None:
    async with play("running") as client:
        with pytest.raises(RemoteError, match="cpus"):
            await client.set_settings({"memory_mib": "1024", "cpus": "9999"})
        assert (await client.settings_report()).stored["memory_mib"] == 0
        note = await client.set_settings({"memory_mib": "1024"})
        assert note.restart_needed
        assert (await client.settings())["memory_mib"] == 1024
        with pytest.raises(RemoteError, match="does not exist"):
            await client.set_settings({"shared_folders": '["/home/nobody/at/all"]'})


async def test_a_reset(play: Play) -> None:
    async with play("running") as client:
        await client.set_settings({"cpus": "1"})
        assert any("keep the settings" in line for line in await client.reset_plan(ResetLevel.DATA))
        await follow(client.reset(ResetLevel.SETTINGS))
        assert (await client.settings_report()).stored["cpus"] == 0
        assert (await client.status()).state is RunState.RUNNING
        await follow(client.reset(ResetLevel.ALL))
        assert (await client.status()).state is RunState.STOPPED


async def test_debug_shows_where_tasks_wait(play: Play) -> None:
    async with play("running") as client:
        watch = client.watch(60.0)
        await anext(watch)
        report = await client.debug()
        await watch.aclose()
    assert report["process"]["descriptors"] > 3
    chains = [[line.rpartition(" ")[2] for line in task["awaits"]] for task in report["tasks"]]
    assert ["World.live", "sleep"] in chains
    (served,) = (chain for chain in chains if "FakeLifecycle.watch" in chain)
    assert served[-5:-2] == ["_Endpoint._stream", "_Endpoint._lines", "FakeLifecycle.watch"]


async def test_watching_ends_with_the_process(paths: Paths) -> None:
    """So that the server need not cut it off, for which it would wait."""
    fake = FakeSupervisor(paths, host(), Scenario(running=True))
    watch = fake.lifecycle.watch(60.0)
    assert (await anext(watch)).state is RunState.RUNNING
    await fake.settle()
    async with asyncio.timeout(5):
        assert [status async for status in watch] == []
