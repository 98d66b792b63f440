"""Which event loop a unit test runs on: the supervisor's, both where sockets matter, or one that skips waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from tests.fast_clock import FastClockLoop
from vm.host import new_event_loop

LOOPS = {"asyncio": asyncio.new_event_loop, "supervisor": new_event_loop}
"""Both are used: the window and the command line have asyncio's, as the supervisor has on Windows."""


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Choose by the test's markers, which pyproject.toml explains; without one it is the supervisor's loop."""
    if item.get_closest_marker("fast_clock"):
        return {"fast_clock": FastClockLoop}
    if item.get_closest_marker("both_loops"):
        return LOOPS
    return {"supervisor": new_event_loop}
