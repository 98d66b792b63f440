"""dockerd takes some settings while it runs; for all others, and where it would harm, they wait for a restart."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from desktop.control.schema import Note
from desktop.settings.schema import Settings
from desktop.supervisor.context import Change
from desktop.supervisor.operations.engine_reload import UNSUITED, EngineReload, with_reloaded
from desktop.supervisor.settings import outcome
from tests.unit.carriers import MemoryLink, refuse
from vm.errors import LinkError
from vm.guest.stream import Completed, Link
from vm.host.paths import Paths
from vm.qemu.record import Record

STARTED_WITH = {"host-gateway-ips": ["10.0.2.2"], "proxies": {"http-proxy": "http://10.0.2.2:1"}, "mtu": 1400}
MIRROR = ["https://mirror.example"]


class Guest:
    """A machine whose dockerd is told its settings, and ends that with ``code``."""

    record: Record | None = None
    running = True

    def __init__(self) -> None:
        self.code, self.error = 0, False
        self.told: list[dict[str, object]] = []
        self.link: Link = MemoryLink(refuse, self._shell)

    def _shell(self, command: str, input: bytes) -> Completed:
        if self.error:
            raise LinkError("the link is gone")
        assert "kill -HUP" in command
        self.told.append(json.loads(input))
        return Completed(self.code, b"", b"no such file")


@pytest.fixture
def guest() -> Guest:
    return Guest()


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    made = Paths(tmp_path / "home", tmp_path / "cache")
    made.daemon_json.parent.mkdir(parents=True)
    made.daemon_json.write_text(json.dumps(STARTED_WITH))
    return made


def change(before: dict[str, object], after: dict[str, object]) -> Change:
    return Change(Settings(daemon=before), Settings(daemon=after), frozenset({"daemon"}))


async def restart_needed(reload: EngineReload, made: Change) -> bool:
    await reload.apply(made)
    return reload.noted(outcome(made, running=True), made).restart_needed


async def test_registries_are_taken_at_once(guest: Guest, paths: Paths) -> None:
    made = change({"mtu": 9000}, {"mtu": 9000, "registry-mirrors": MIRROR})
    assert not await restart_needed(EngineReload(paths, guest), made)
    (told,) = guest.told
    assert told["registry-mirrors"] == MIRROR
    assert told["insecure-registries"] == [], "or what was removed would stay"
    assert {key: told[key] for key in STARTED_WITH} == STARTED_WITH, "also what waits for a restart"
    assert json.loads(paths.daemon_json.read_text()) == told


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ({}, {"mtu": 9000}),
        ({}, {"mtu": 9000, "registry-mirrors": MIRROR}),
        ({"dns": ["1.1.1.1"]}, {}),
    ],
)
async def test_all_others_wait(
    guest: Guest, paths: Paths, before: dict[str, object], after: dict[str, object]
) -> None:
    assert await restart_needed(EngineReload(paths, guest), change(before, after))
    assert guest.told == []


@pytest.mark.parametrize("code", [UNSUITED, 1])
async def test_what_dockerd_did_not_take_waits(guest: Guest, paths: Paths, code: int) -> None:
    guest.code = code
    assert await restart_needed(EngineReload(paths, guest), change({}, {"debug": True}))
    assert json.loads(paths.daemon_json.read_text()) == STARTED_WITH


async def test_a_machine_that_cannot_be_reached_is_no_obstacle(guest: Guest, paths: Paths) -> None:
    guest.error = True
    assert await restart_needed(EngineReload(paths, guest), change({}, {"debug": True}))
    paths.daemon_json.unlink()
    assert await restart_needed(EngineReload(paths, guest), change({}, {"debug": True}))


async def test_without_a_machine_nothing_waits(guest: Guest, paths: Paths) -> None:
    guest.running = False
    reload, made = EngineReload(paths, guest), change({}, {"debug": True})
    await reload.apply(made)
    assert not reload.noted(outcome(made, running=False), made).restart_needed
    assert guest.told == []


async def test_another_setting_is_none_of_its_business(guest: Guest, paths: Paths) -> None:
    made = Change(Settings(), Settings(cpus=1), frozenset({"cpus"}))
    reload = EngineReload(paths, guest)
    await reload.apply(made)
    assert reload.noted(Note("cpus is set", True), made).restart_needed
    assert guest.told == []


async def test_a_change_that_fails_later_is_undone(guest: Guest, paths: Paths) -> None:
    reload, made = EngineReload(paths, guest), change({}, {"debug": True})
    await reload.apply(made)
    await reload.revert(made)
    assert [told.get("debug") for told in guest.told] == [True, None]
    await reload.revert(made)
    assert len(guest.told) == 2


def test_what_was_removed_is_written_with_its_default() -> None:
    assert with_reloaded({"debug": True, "mtu": 1}, {"labels": ["a=b"], "mtu": 2}) == {
        "mtu": 1,
        "debug": False,
        "labels": ["a=b"],
        "insecure-registries": [],
        "registry-mirrors": [],
        "max-concurrent-downloads": 3,
        "max-concurrent-uploads": 5,
        "max-download-attempts": 5,
        "shutdown-timeout": 15,
    }


async def test_the_gateways_are_those_of_the_machine_that_runs(guest: Guest, paths: Paths) -> None:
    reload = EngineReload(paths, guest)
    assert reload.gateways() == ("10.0.2.2",)
    paths.daemon_json.unlink()
    assert reload.gateways() == ()
