"""Slipway.exe opens the window, drawn by Windows' Qt, and starts the supervisor, which outlives it."""

from __future__ import annotations

from pathlib import Path

from tests.wine.installed import title_of_window, wait_for_supervisor
from tests.wine.prefix import fresh_prefix
from tests.wine.system import WineSystem
from tests.wine.windows import INSTALLED


def test_it_opens_and_starts_the_supervisor(payload: Path) -> None:
    with WineSystem(fresh_prefix(), {payload: INSTALLED}) as wine:
        program = wine.popen([rf"{INSTALLED}\Slipway.exe"])
        assert title_of_window(wine, program) == "Slipway"
        supervisor = wait_for_supervisor(wine, INSTALLED)
        program.kill()
        assert program.wait() != 0
        assert wait_for_supervisor(wine, INSTALLED) == supervisor
