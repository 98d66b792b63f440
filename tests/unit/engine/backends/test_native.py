"""The native engine as a backend: what it says of its service's life."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.backends.base import Guest
from engine.backends.features import Features
from engine.backends.native import NativeEngine, explain_end
from tests.unit.sshd import eventually
from vm.errors import HostError, UserError
from vm.host import host

FEATURES = Features(containers="windows", guest=False, pause=False, place="Windows engine")


class Service:
    """:ivar failure: of its next start."""

    title = "The service X"

    def __init__(self) -> None:
        self.now = "stopped"
        self.failure: UserError | None = None
        self.end = asyncio.Event()

    async def state(self) -> str:
        return self.now

    async def start(self) -> None:
        if self.failure is not None:
            raise self.failure
        self.now = "running"
        self.end.clear()

    async def stop(self) -> None:
        self.now = "stopped"

    async def wait_ended(self) -> str:
        await self.end.wait()
        self.now = "stopped"
        return "exit code 1\nno such feature"


class Notes:
    """Notes what it is told. Also the progress of a start."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def reached(self, guest: Guest | None) -> None:
        assert guest is None
        self.told.append("reached")

    def lost(self, reason: str) -> None:
        self.told.append(f"lost: {reason}")

    def held(self, cause: UserError | None) -> None:
        self.told.append("held")

    def resumed(self) -> None:
        self.told.append("resumed")

    def ended(self, cause: UserError) -> None:
        self.told.append(f"ended: {cause.message}")

    @asynccontextmanager
    async def stage(self, name: str) -> AsyncIterator[None]:
        yield
        self.told.append(name)

    def note(self, text: str, fraction: float | None = None) -> None:
        raise AssertionError(text)

    def chosen(self, accelerator: str, image: str) -> None:
        assert (accelerator, image) == ("", "")

    def machine_begins(self) -> None:
        raise AssertionError

    def machine_stage(self, name: str, seconds: float) -> None:
        raise AssertionError


def made(folder: Path) -> tuple[NativeEngine, Service, Notes]:
    service, notes = Service(), Notes()
    engine = NativeEngine("windows", FEATURES, service, folder / "e.sock", host())
    engine.listen(notes)
    return engine, service, notes


async def test_start_and_stop(tmp_path: Path) -> None:
    engine, service, notes = made(tmp_path)
    assert not engine.up
    await engine.start(notes)
    assert (engine.up, service.now, notes.told) == (True, "running", ["service", "reached"])
    assert engine.route().name == str(tmp_path / "e.sock")
    await engine.stop()
    assert (engine.up, service.now, notes.told[2:]) == (False, "stopped", [])


async def test_its_end_is_reported(tmp_path: Path) -> None:
    engine, service, notes = made(tmp_path)
    await engine.start(notes)
    service.end.set()
    failure = await asyncio.wait_for(engine.wait_ended(), 5)
    assert failure is not None
    assert failure.message == "The service X ended unexpectedly: exit code 1: no such feature"
    assert failure.detail == "exit code 1\nno such feature"
    assert notes.told[-1] == f"ended: {failure.message}"
    assert not engine.up
    await engine.start(notes)
    await eventually(lambda: engine.up)
    assert engine.failure is None
    await engine.stop()


async def test_a_restart_by_an_administrators_program_is_no_end(tmp_path: Path) -> None:
    engine, service, notes = made(tmp_path)
    await engine.start(notes)
    async with engine.held():
        service.end.set()
        await eventually(lambda: service.now == "stopped")
        await service.start()
    assert engine.up
    async with engine.held():
        service.end.set()
        await eventually(lambda: service.now == "stopped")
        assert engine.up, "nothing is reported while it may come back"
    failure = await asyncio.wait_for(engine.wait_ended(), 5)
    assert failure is not None
    assert [told for told in notes.told if told.startswith("ended")] == [f"ended: {failure.message}"]


async def test_what_runs_already_is_taken_over(tmp_path: Path) -> None:
    engine, service, notes = made(tmp_path)
    assert not await engine.adopt()
    service.now = "running"
    assert await engine.adopt()
    assert (engine.up, notes.told) == (True, ["reached"])
    await engine.stop()


async def test_a_service_that_cannot_be_asked_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, service, notes = made(tmp_path)

    async def state() -> str:
        raise HostError("it cannot be looked at")

    monkeypatch.setattr(service, "state", state)
    assert not await engine.adopt()
    assert notes.told == []
    assert [(hop.name, hop.ok) for hop in await engine.hops()] == [("service", False), ("dockerd", None)]


async def test_a_start_that_fails(tmp_path: Path) -> None:
    engine, service, notes = made(tmp_path)
    service.failure = HostError("it may not")
    with pytest.raises(HostError):
        await engine.start(notes)
    assert (engine.up, notes.told) == (False, [])


async def test_its_hops(tmp_path: Path) -> None:
    engine, _, notes = made(tmp_path)
    assert [(hop.name, hop.ok) for hop in await engine.hops()] == [("service", False), ("dockerd", None)]
    await engine.start(notes)
    assert [(hop.name, hop.ok) for hop in await engine.hops()] == [("service", True), ("dockerd", False)]
    await engine.stop()


async def test_another_program_at_its_pipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, service, notes = made(tmp_path)
    taken = [True]
    monkeypatch.setattr("engine.backends.native.pipe_in_use", lambda path: taken[0])
    monkeypatch.setattr("engine.backends.native.pipe_owner", lambda path: "whale.exe (process 7)")
    with pytest.raises(HostError, match=r"Another program listens at the engine's pipe .*: whale\.exe") as caught:
        await engine.start(notes)
    assert caught.value.hint == "End that program, and try again."
    assert (engine.up, service.now) == (False, "stopped")
    taken[0] = False
    await engine.start(notes)
    taken[0] = True
    await engine.start(notes)  # its own pipe, while it runs
    await engine.stop()


@pytest.mark.parametrize(
    ("said", "hint"),
    [
        ("failed to load listeners: open //./pipe/docker_slipway_windows: Access is denied.", "End that program"),
        (
            r"ensure docker is not running or delete C:\ProgramData\Slipway Windows Engine\docker.pid: "
            "process with PID 412 is still running",
            r"If process 412 is another program, .* delete C:\\ProgramData\\Slipway Windows Engine\\docker\.pid",
        ),
        ("error while opening volume store metadata database (x): timeout", "uses the same data folder"),
        (r"mkdir C:\data: There is not enough space on the disk.", "Free space"),
        (r"failed to create data root: mkdir C:\data: Access is denied.", "cannot use its data folder"),
        ("failed to load listeners: lookup account slipway-users: not found", "slipway engine setup"),
        ("something else", "Starting it again may help."),
    ],
)
async def test_what_dockerd_says_has_a_hint(tmp_path: Path, said: str, hint: str) -> None:
    assert re.search(hint, explain_end("The service X", f"exit code 1\nStarting up\n{said}").hint)
    engine, service, notes = made(tmp_path)
    service.failure = HostError("The service X has ended at its start", "See the event log", said)
    with pytest.raises(HostError) as caught:
        await engine.start(notes)
    assert re.search(hint if "again may" not in hint else "See the event log", caught.value.hint)


def test_a_missing_feature_is_named() -> None:
    said = "failed to start daemon: failed to load vmcompute.dll, ensure that the Containers feature is installed"
    told = explain_end("The service X", f"exit code 1\nlevel=info msg=Starting\n{said}\n")
    assert told.message.endswith(said)
    assert told.hint == "Switch on the Windows feature “Containers”: slipway engine setup"
    assert explain_end("The service X", "the service has stopped").hint == "Starting it again may help."
