"""daemon.json of the engine for Windows containers: its three sources, and the way back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from desktop.windows_engine.record import Changed
from tests.unit.desktop.windows_engine.test_setup import Kit
from vm.errors import HostError
from vm.services.state import ServiceState

PROXY = {"proxies": {"http-proxy": "http://me:pw@proxy:3128"}}


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    made = Kit(tmp_path)
    made.setup.install(made.plan)
    made.programs.ran.clear()
    return made


def kept(kit: Kit) -> dict[str, Any]:
    return dict(json.loads(kit.configuration.read_bytes()))


def files(kit: Kit) -> list[str]:
    return sorted(path.name for path in kit.configuration.parent.iterdir())


def test_what_the_settings_say_comes_and_goes(kit: Kit) -> None:
    before = kept(kit)
    kit.configuration.write_text(json.dumps({**before, "labels": ["by=hand"]}))
    kit.setup.configure({**PROXY, "debug": True})
    assert kept(kit) == {**before, "labels": ["by=hand"], **PROXY, "debug": True}
    assert Changed.read(Path(kit.places.record)).keys == ["debug", "proxies"]
    assert [line.split()[1] for line in kit.programs.ran] == ["--validate"]
    assert kit.service.started_with == [], "one that does not run is not started"
    kit.setup.configure({})
    assert kept(kit) == {**before, "labels": ["by=hand"]}
    assert files(kit) == ["daemon.json", "setup.json"]


def test_an_engine_that_runs_is_restarted_with_them(kit: Kit) -> None:
    kit.service.now = ServiceState.RUNNING
    kit.setup.configure(PROXY)
    assert kit.service.started_with == [kept(kit)]
    assert kit.service.now is ServiceState.RUNNING


def test_what_dockerd_refuses_changes_nothing(kit: Kit) -> None:
    before = kit.configuration.read_bytes()
    kit.service.now = ServiceState.RUNNING
    kit.programs.codes[str(kit.places.program)] = 1
    with pytest.raises(HostError, match="dockerd refuses these settings") as caught:
        kit.setup.configure(PROXY)
    assert caught.value.hint == "Nothing was changed."
    assert kit.configuration.read_bytes() == before
    assert files(kit) == ["daemon.json", "setup.json"]
    assert kit.service.started_with == []


def test_what_it_does_not_start_with_is_taken_back(kit: Kit) -> None:
    kit.setup.configure({"debug": True})
    before = kit.configuration.read_bytes()
    kit.service.now, kit.service.refuses = ServiceState.RUNNING, "log-driver"
    with pytest.raises(HostError, match=r"has the old ones again: .*no such log driver"):
        kit.setup.configure({"log-driver": "nope"})
    assert kit.configuration.read_bytes() == before
    assert Changed.read(Path(kit.places.record)).keys == ["debug"]
    assert [("log-driver" in one) for one in kit.service.started_with] == [True, False]
    assert kit.service.now is ServiceState.RUNNING
    kit.service.refuses = ""
    kit.setup.configure({"log-driver": "local"})
    assert kept(kit)["log-driver"] == "local"


def test_neither_of_both(kit: Kit) -> None:
    kit.service.now, kit.service.refuses = ServiceState.RUNNING, "hosts"
    with pytest.raises(HostError, match="with which it does not start either"):
        kit.setup.configure(PROXY)
    assert "proxies" not in kept(kit)


@pytest.mark.parametrize("settings", [{"hosts": ["tcp://0.0.0.0:2375"]}, {"iptables": True}, {"debug": "x"}])
def test_what_is_not_the_users_to_set(kit: Kit, settings: dict[str, object]) -> None:
    before = kit.configuration.read_bytes()
    with pytest.raises(HostError, match=next(iter(settings))):
        kit.setup.configure(settings)
    assert kit.configuration.read_bytes() == before
    assert kit.programs.ran == []


def test_without_the_service(kit: Kit) -> None:
    kit.service.now = ServiceState.ABSENT
    with pytest.raises(HostError, match="not set up"):
        kit.setup.configure(PROXY)


def test_the_setup_has_them_too(tmp_path: Path) -> None:
    kit = Kit(tmp_path)
    kit.setup.install(type(kit.plan)(kit.plan.program, kit.plan.user, kit.plan.sid, [], PROXY))
    assert kept(kit)["proxies"] == PROXY["proxies"]
    kit.setup.install(kit.plan)
    assert "proxies" not in kept(kit), "a second setup has those of its time"
