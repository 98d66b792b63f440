"""Which event loops the unit tests run on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

import pytest

from vm.host import new_event_loop

LOOPS = {"asyncio": asyncio.new_event_loop, "supervisor": new_event_loop}
"""Both are used: the window and the command line have asyncio's, as the supervisor has on Windows."""


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    return LOOPS
