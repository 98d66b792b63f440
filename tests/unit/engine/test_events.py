"""The hub of the engine's events: one stream, and subscribers that do not disturb it or each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine import events as events_module
from engine.client import EngineClient, Event
from engine.client.errors import EngineUnreachable
from engine.events import EngineEvents, Feed, Interest
from tests.unit.eventful_engine import EventfulEngine
from tests.unit.local_server import SocketRoute, serving
from tests.unit.sshd import eventually

STARTS = Interest("container", frozenset({"start"}))


@dataclass
class Subscriber:
    """Notes what it gets; fails with ``error`` when an event of that name comes."""

    error: Exception = field(default_factory=lambda: EngineUnreachable("away"))
    begun: int = 0
    names: list[str] = field(default_factory=list)

    async def work(self, engine: EngineClient, feed: Feed) -> None:
        self.begun += 1
        while (event := await feed.next()) is not None:
            self.names.append(event.attributes["name"])
            if event.attributes["name"] == "bad":
                raise self.error


@pytest.fixture
async def engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[EventfulEngine]:
    monkeypatch.setattr(events_module, "DIAL_SECONDS", 0.01)
    monkeypatch.setattr(events_module, "RETRY_SECONDS", 0.01)
    made = EventfulEngine({"/containers/json": []})
    async with serving(tmp_path / "e", made.serve):
        yield made


@pytest.fixture
async def hub(engine: EventfulEngine, tmp_path: Path) -> AsyncIterator[EngineEvents]:
    made = EngineEvents()
    made.use(SocketRoute(tmp_path / "e"))
    yield made
    await made.close()


@pytest.fixture
async def tasks() -> AsyncIterator[set[asyncio.Task[None]]]:
    made: set[asyncio.Task[None]] = set()
    yield made
    for task in made:
        task.cancel()
    await asyncio.gather(*made, return_exceptions=True)


def streams(engine: EventfulEngine) -> int:
    return len([head for head in engine.asked if "/events" in head])


async def test_many_subscribers_share_one_stream(
    engine: EventfulEngine, hub: EngineEvents, tasks: set[asyncio.Task[None]]
) -> None:
    one, other = Subscriber(), Subscriber()
    tasks.add(asyncio.create_task(hub.follow([STARTS], one.work)))
    tasks.add(asyncio.create_task(hub.follow([STARTS, Interest("network", name="host")], other.work)))
    await eventually(lambda: one.begun == other.begun == 1)
    engine.tell("container", "start", {"name": "web"})
    engine.tell("container", "die", {"name": "web"})
    engine.tell("network", "connect", {"name": "bridge"})
    engine.tell("network", "connect", {"name": "host"})
    await eventually(lambda: other.names == ["web", "host"])
    assert one.names == ["web"]
    assert streams(engine) == 1
    assert hub.connected
    assert hub.health.ok


async def test_errors_of_a_subscriber_are_its_own(
    engine: EventfulEngine, hub: EngineEvents, tasks: set[asyncio.Task[None]]
) -> None:
    """One of the engine's is tried again; an unforeseen one ends this subscriber's task, and nothing else."""
    good, weak, broken = Subscriber(), Subscriber(), Subscriber(ValueError("unforeseen"))
    works = [asyncio.create_task(hub.follow([STARTS], each.work)) for each in (good, weak, broken)]
    tasks.update(works)
    await eventually(lambda: good.begun == weak.begun == broken.begun == 1)
    engine.tell("container", "start", {"name": "bad"})
    good.error = EngineUnreachable("also away")
    await eventually(lambda: works[2].done() and weak.begun == 2 and good.begun == 2)
    assert isinstance(works[2].exception(), ValueError)
    engine.tell("container", "start", {"name": "next"})
    await eventually(lambda: good.names == weak.names == ["bad", "next"])
    assert streams(engine) == 1
    assert hub.health.ok


async def test_an_engine_that_comes_back_is_looked_at_again(
    engine: EventfulEngine, hub: EngineEvents, tasks: set[asyncio.Task[None]]
) -> None:
    looks = []

    async def look(client: EngineClient) -> None:
        await client.containers.list()
        looks.append(hub.connected)

    tasks.add(asyncio.create_task(hub.look([STARTS], look)))
    await eventually(lambda: looks == [True])
    engine.tell("container", "start", {"name": "web"})
    await eventually(lambda: looks == [True] * 2)
    engine.break_off()
    await eventually(lambda: looks == [True] * 3)
    assert streams(engine) == 2


async def test_a_look_after_a_while_and_on_demand(
    engine: EventfulEngine, hub: EngineEvents, tasks: set[asyncio.Task[None]]
) -> None:
    looks, changed = [], asyncio.Event()

    async def look(client: EngineClient) -> float | None:
        looks.append(1)
        return 0.01 if len(looks) < 3 else None

    tasks.add(asyncio.create_task(hub.look([STARTS], look, changed)))
    await eventually(lambda: len(looks) == 3)
    await asyncio.sleep(0.05)
    assert len(looks) == 3
    changed.set()
    await eventually(lambda: len(looks) == 4)


async def test_one_that_falls_behind_starts_again(
    engine: EventfulEngine, hub: EngineEvents, tasks: set[asyncio.Task[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events_module, "QUEUED", 2)
    go, begun = asyncio.Event(), []

    async def work(client: EngineClient, feed: Feed) -> None:
        begun.append(feed)
        await go.wait()
        while await feed.next() is not None:
            pass

    tasks.add(asyncio.create_task(hub.follow([STARTS], work)))
    await eventually(lambda: len(begun) == 1)
    for number in range(3):
        engine.tell("container", "start", {"name": str(number)})
    await eventually(lambda: begun[0].ended)
    go.set()
    await eventually(lambda: len(begun) == 2)
    assert not begun[1].ended


async def test_the_route_comes_goes_and_changes(
    engine: EventfulEngine, hub: EngineEvents, tasks: set[asyncio.Task[None]], tmp_path: Path
) -> None:
    one = Subscriber()
    tasks.add(asyncio.create_task(hub.follow([STARTS], one.work)))
    await eventually(lambda: one.begun == 1)
    hub.use(None)
    assert not hub.connected
    other = EventfulEngine({})
    hub.use(SocketRoute(tmp_path / "other"))
    await asyncio.sleep(0.05)  # nothing listens there yet
    assert one.begun == 1
    async with serving(tmp_path / "other", other.serve):
        await eventually(lambda: one.begun == 2)
        other.tell("container", "start", {"name": "there"})
        await eventually(lambda: one.names == ["there"])
        await hub.close()
    assert not hub.connected


def test_what_is_of_interest() -> None:
    event = Event("network", "connect", "n", {"name": "host"}, 0)
    assert Interest("network").covers(event)
    assert Interest("network", frozenset({"connect"}), "host").covers(event)
    assert not Interest("network", frozenset({"disconnect"})).covers(event)
    assert not Interest("network", name="bridge").covers(event)
    assert not Interest("container").covers(event)
    with pytest.raises(ValueError, match="not followed: container \\['exec_start'\\]"):
        Interest("container", frozenset({"exec_start", "die"}))
