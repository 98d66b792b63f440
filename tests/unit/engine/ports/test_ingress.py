"""What services of a swarm publish: what is listened on here, while they, the swarm and the engine come and go."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from engine import events as events_module
from engine.client import Service
from engine.events import EngineEvents
from engine.ports import Ingress, ingress
from engine.ports.ingress import forwards
from tests.architecture.sources import ROOT
from tests.unit.carriers import MemoryCarrier, MemoryStream
from tests.unit.eventful_engine import EventfulEngine
from tests.unit.local_server import SocketRoute, serving
from tests.unit.sshd import eventually
from vm.guest.forward import MACHINE, Forward


def port(published: int | None, protocol: str = "tcp", mode: str = "ingress") -> dict[str, object]:
    """A port of a service's endpoint; the swarm has not chosen it yet when it is None."""
    values: dict[str, object] = {"Protocol": protocol, "TargetPort": 80, "PublishMode": mode}
    return values if published is None else values | {"PublishedPort": published}


def service(*ports: dict[str, object]) -> dict[str, object]:
    return {"ID": "s", "Spec": {"Name": "web"}, "Endpoint": {"Spec": {}, "Ports": list(ports)}}


class Engine(EventfulEngine):
    """Manages a swarm, or none."""

    def manage(self, *services: dict[str, object], managed: bool = True) -> None:
        """Just these are the services."""
        self.replies = {"/info": {"Swarm": {"ControlAvailable": managed}}, "/services": list(services)}

    def looks(self) -> int:
        """How often it was asked whether there is a swarm."""
        return len([head for head in self.asked if "/info" in head])


@dataclass
class Told:
    """What was to be listened on, each time."""

    all: list[list[str]] = field(default_factory=list)

    def __call__(self, found: Iterable[Forward]) -> None:
        self.all.append([f"{one.protocol} {one.address} {one.port}" for one in found])


@dataclass
class Stage:
    engine: Engine
    told: Told
    ingress: Ingress
    carrier: MemoryCarrier


async def _silent(stream: MemoryStream) -> None:
    await stream.read(1)


@pytest.fixture
async def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Stage]:
    monkeypatch.setattr(events_module, "DIAL_SECONDS", 0.01)
    monkeypatch.setattr(events_module, "RETRY_SECONDS", 0.01)
    engine, told = Engine({}), Told()
    engine.manage(managed=False)
    async with serving(tmp_path / "e", engine.serve):
        events = EngineEvents()
        events.use(SocketRoute(tmp_path / "e"))
        made = Ingress(events, told)
        yield Stage(engine, told, made, MemoryCarrier(_silent))
        await made.close()
        await events.close()


async def test_without_a_swarm_services_are_not_asked_for(stage: Stage) -> None:
    stage.ingress.use(stage.carrier)
    await eventually(lambda: stage.told.all == [[]])
    assert not [head for head in stage.engine.asked if "/services" in head]


async def test_services_come_change_and_go(stage: Stage) -> None:
    stage.ingress.use(stage.carrier)
    await eventually(lambda: stage.told.all == [[]])
    stage.engine.manage(service(port(8080), port(None)))
    stage.engine.tell("service", "create", {"name": "web"})
    await eventually(lambda: stage.told.all[1:] == [["tcp 0.0.0.0 8080", "tcp :: 8080"]])
    stage.engine.tell("service", "update", {"name": "web"})
    await eventually(lambda: stage.engine.looks() == 3)
    stage.engine.manage(service(port(8080), port(30000, "udp")))
    stage.engine.tell("service", "update", {"name": "web"})
    all_of_it = ["tcp 0.0.0.0 8080", "tcp :: 8080", "udp 0.0.0.0 30000", "udp :: 30000"]
    await eventually(lambda: stage.told.all[2:] == [all_of_it])  # the same is not told twice
    stage.engine.manage()
    stage.engine.tell("service", "remove", {"name": "web"})
    await eventually(lambda: stage.told.all[3:] == [[]])


async def test_networks_of_others_are_nothing_to_look_for(stage: Stage) -> None:
    stage.ingress.use(stage.carrier)
    await eventually(lambda: stage.told.all == [[]])
    stage.engine.tell("network", "connect", {"name": "bridge"})
    stage.engine.tell("network", "disconnect", {"name": "ingress"})
    await eventually(lambda: stage.engine.looks() == 2)


async def test_a_swarm_that_is_left_says_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ingress, "LOOK_SECONDS", 0.05)
    stage.engine.manage(service(port(8080)))
    stage.ingress.use(stage.carrier)
    await eventually(lambda: len(stage.told.all) == 1)
    stage.engine.manage(service(port(8080)), managed=False)
    await eventually(lambda: stage.told.all[1:] == [[]])


async def test_what_is_published_stays_while_the_engine_restarts(stage: Stage) -> None:
    stage.engine.manage(service(port(8080)))
    stage.ingress.use(stage.carrier)
    await eventually(lambda: stage.engine.looks() == 1)
    stage.engine.break_off()
    await eventually(lambda: stage.engine.looks() == 2)
    assert all(told == ["tcp 0.0.0.0 8080", "tcp :: 8080"] for told in stage.told.all)


def test_what_is_listened_for() -> None:
    values: list[dict[str, object]] = [
        service(port(81), port(82, mode="host"), port(80, "udp")),
        service(port(81), port(None)),
        {"ID": "s"},
    ]
    found = forwards([Service.of(one) for one in values])
    assert [f"{one.protocol} {one.address} {one.port} {one.guest_address}" for one in found] == [
        "tcp 0.0.0.0 81 10.0.2.15",
        "tcp :: 81 10.0.2.15",
        "udp 0.0.0.0 80 10.0.2.15",
        "udp :: 80 10.0.2.15",
    ]
    assert len({one.key for one in found}) == len(found)


def test_the_machines_address_is_the_one_it_takes() -> None:
    network = ROOT / "vm" / "image" / "rootfs" / "usr" / "lib" / "slipway" / "network"
    assert f"ip addr add {MACHINE}/24 dev eth0" in network.read_text()
