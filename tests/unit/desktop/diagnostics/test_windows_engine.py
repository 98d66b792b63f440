"""The check of Windows containers, of Windowses that are made up."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from desktop.diagnostics.base import Context, Finding
from desktop.diagnostics.windows_engine import check, explain
from desktop.windows_engine.requirements import Windows

SERVICES = frozenset({"hns", "vmcompute", "vmms", "slipwaywindowsengine"})
READY = Windows(
    "Professional",
    client=True,
    services=SERVICES,
    restart_pending=False,
)


def test_complete() -> None:
    assert explain(READY).passed
    assert explain(replace(READY, services=frozenset())).passed is None, "nobody has asked for them"


def test_an_interrupted_setup() -> None:
    found = explain(replace(READY, interrupted=True))
    assert found.passed is False
    assert "interrupted setup" in found.found
    assert found.fix == "slipway engine setup"


def test_a_feature_that_was_switched_off() -> None:
    found = explain(replace(READY, services=SERVICES - {"vmms"}))
    assert found.passed is False
    assert "Microsoft-Hyper-V" in found.found


def test_a_restart_that_is_due() -> None:
    assert explain(replace(READY, restart_pending=True)).fix == "Restart Windows."


async def test_where_there_can_be_none(monkeypatch: pytest.MonkeyPatch) -> None:
    context = cast(
        Context, SimpleNamespace(host=SimpleNamespace(no_windows_containers="needs a Windows computer"))
    )
    assert await check(context) == Finding(None, "needs a Windows computer")
    monkeypatch.setenv("SLIPWAY_WINDOWS_ENGINE", '["x"]')
    assert "SLIPWAY_WINDOWS_ENGINE names a program" in (await check(context)).found
