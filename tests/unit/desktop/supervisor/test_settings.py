"""The settings in use: one writer at a time, all or none, whatever fails on the way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from desktop.settings.schema import Settings, SettingsError
from desktop.settings.store import SettingsStore
from desktop.supervisor.context import Change
from desktop.supervisor.settings import LiveSettings, outcome
from vm.errors import DiskError, HostError
from vm.host import host


class Recorder:
    """An effect that notes what it does, and fails when told to."""

    def __init__(self, name: str, notes: list[str], error: HostError | None = None) -> None:
        self._name, self._notes, self._error = name, notes, error

    async def apply(self, change: Change) -> None:
        self._notes.append(f"apply {self._name}")
        if self._error is not None:
            raise self._error

    async def revert(self, change: Change) -> None:
        self._notes.append(f"revert {self._name}")


@pytest.fixture
def settings(tmp_path: Path) -> LiveSettings:
    return LiveSettings(SettingsStore(tmp_path / "settings.json"), host())


async def test_two_changes_at_once_are_both_kept(settings: LiveSettings) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def slow(change: Change) -> None:
        begun.set()
        await go.wait()

    settings.checks.append(slow)
    first = asyncio.create_task(settings.change({"wait_seconds": "90"}))
    second = asyncio.create_task(settings.change({"cpus": "1"}))
    await begun.wait()
    go.set()
    assert (await first).names == {"wait_seconds"}
    assert (await second).names == {"cpus"}
    assert settings.get() == Settings(wait_seconds=90, cpus=1)


async def test_what_fails_undoes_what_was_done(settings: LiveSettings) -> None:
    notes: list[str] = []
    settings.effects += [Recorder("login", notes), Recorder("other", notes, HostError("no"))]
    with pytest.raises(HostError, match="no"):
        await settings.change({"cpus": "1"})
    assert notes == ["apply login", "apply other", "revert other", "revert login"]
    assert settings.get() == Settings()


async def test_what_cannot_be_undone_comes_last(settings: LiveSettings) -> None:
    """The disk is grown when nothing else can fail any more; when it fails, the file is as before."""
    notes: list[str] = []
    told: list[Settings] = []

    async def grow(change: Change) -> None:
        assert settings.get() == change.after
        notes.append("grow")
        raise DiskError("The disk is full")

    settings.effects.append(Recorder("login", notes))
    settings.final = grow
    settings.subscribe(told.append)
    with pytest.raises(DiskError):
        await settings.change({"disk_gib": "99"})
    assert notes == ["apply login", "grow", "revert login"]
    assert settings.get() == Settings()
    assert told == []


async def test_a_check_refuses_before_anything_is_done(settings: LiveSettings) -> None:
    notes: list[str] = []

    async def refuse(change: Change) -> None:
        raise SettingsError("dockerd refuses")

    settings.checks.append(refuse)
    settings.effects.append(Recorder("login", notes))
    with pytest.raises(SettingsError, match="dockerd refuses"):
        await settings.change({"cpus": "1"})
    assert notes == []
    assert settings.get() == Settings()


async def test_a_client_that_leaves_does_not_leave_half_a_change(settings: LiveSettings) -> None:
    begun, go = asyncio.Event(), asyncio.Event()

    async def grow(change: Change) -> None:
        begun.set()
        await go.wait()

    settings.final = grow
    told: list[Settings] = []
    settings.subscribe(told.append)
    changing = asyncio.create_task(settings.change({"cpus": "1"}))
    await begun.wait()
    changing.cancel()
    go.set()
    with pytest.raises(asyncio.CancelledError):
        await changing
    assert settings.get() == Settings(cpus=1)
    assert told == [Settings(cpus=1)]


async def test_one_subscriber_that_fails_does_not_keep_it_from_the_others(
    settings: LiveSettings, caplog: pytest.LogCaptureFixture
) -> None:
    told: list[Settings] = []

    def fail(new: Settings) -> None:
        raise RuntimeError("bug")

    settings.subscribe(fail)
    settings.subscribe(told.append)
    await settings.change({"cpus": "1"})
    assert told == [Settings(cpus=1)]
    assert "bug" in caplog.text


async def test_nonsense_is_passed_over_and_can_be_reset(settings: LiveSettings, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{")
    assert settings.get() == Settings()
    with pytest.raises(SettingsError):
        settings.resolved()
    with pytest.raises(SettingsError):
        await settings.change({"cpus": "1"})
    await settings.reset(lambda before: Settings())
    assert settings.resolved().cpus >= 1
    assert not (tmp_path / "settings.json").exists()


async def test_a_value_that_this_host_cannot_have(settings: LiveSettings) -> None:
    with pytest.raises(SettingsError, match="your computer has"):
        await settings.change({"wait_seconds": "90", "cpus": "256"})
    assert settings.get() == Settings()


async def test_the_report(settings: LiveSettings) -> None:
    await settings.change({"cpus": "1"})
    report = settings.report()
    assert (report.stored["cpus"], report.stored["memory_mib"]) == (1, 0)
    assert report.used["cpus"] == 1
    assert report.used["memory_mib"] == report.chosen["memory_mib"] > 0
    assert report.host_cpus >= report.chosen["cpus"] >= 1


@pytest.mark.parametrize(
    ("after", "touched", "running", "text", "restart"),
    [
        (Settings(cpus=1), {"cpus"}, True, "cpus is set", True),
        (Settings(cpus=1), {"cpus"}, False, "cpus is set", False),
        (Settings(cpus=1, memory_mib=999), {"cpus", "memory_mib"}, True, "cpus, memory_mib are set", True),
        (Settings(wait_seconds=90), {"wait_seconds"}, True, "wait_seconds is set", False),
        (Settings(), {"cpus"}, True, "cpus is as before", False),
    ],
)
def test_the_outcome_for_the_user(
    after: Settings, touched: set[str], running: bool, text: str, restart: bool
) -> None:
    note = outcome(Change(Settings(), after, frozenset(touched)), running=running)
    assert (note.text, note.restart_needed) == (text, restart)
