"""The engine of Windows containers: whether it is set up, as the Service Control Manager tells it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from desktop.supervisor.engines.windows import WindowsEngine
from desktop.windows_engine.places import SERVICE
from vm.errors import NotSetUp
from vm.host import host
from vm.services.windows import WindowsService


def engine(
    monkeypatch: pytest.MonkeyPatch, status: str, start_type: str, *, permitted: bool = True
) -> WindowsEngine:
    def get(name: str) -> SimpleNamespace:
        if name != SERVICE or not status:
            raise psutil.NoSuchProcess(0, name)
        return SimpleNamespace(status=lambda: status, start_type=lambda: start_type)

    monkeypatch.setattr(psutil, "win_service_get", get, raising=False)
    monkeypatch.setattr("vm.services.windows.may_start", lambda name: permitted)
    return WindowsEngine(WindowsService(SERVICE), Path("pipe"), host(), "windows")


async def test_one_that_is_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    await engine(monkeypatch, "stopped", "manual").require()
    await engine(monkeypatch, "running", "disabled").require()


async def test_one_that_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotSetUp, match="not set up"):
        await engine(monkeypatch, "", "").require()


@pytest.mark.parametrize("status", ["stopped", "running"])
async def test_one_that_another_user_has_set_up(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    with pytest.raises(NotSetUp, match="another user's") as caught:
        await engine(monkeypatch, status, "manual", permitted=False).require()
    assert "slipway engine setup" in caught.value.hint


async def test_an_interrupted_setup_is_to_be_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(NotSetUp, match="is disabled, as an interrupted setup leaves it") as caught:
        await engine(monkeypatch, "stopped", "disabled").require()
    assert "slipway engine setup" in caught.value.hint
