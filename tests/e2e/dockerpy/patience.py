"""A plugin for the suite's own pytest: stretch the time limits its tests carry, and leave some tests out.

docker-py marks some tests ``@pytest.mark.timeout(5)``, which a container on an emulated processor cannot keep.
``SLIPWAY_PATIENCE`` is the factor. ``SLIPWAY_LEFT_OUT`` names files, classes and tests, one a line, exactly:
pytest's own ``--deselect`` takes away every test whose name begins alike. Nothing else of the tests is changed.
"""

from __future__ import annotations

import os

import pytest

FACTOR = float(os.environ.get("SLIPWAY_PATIENCE", "1"))
LEFT_OUT = set(os.environ.get("SLIPWAY_LEFT_OUT", "").split())


def is_left_out(name: str) -> bool:
    """Whether the test, its class or its file is named."""
    parts = name.partition("[")[0].split("::")
    return any("::".join(parts[:length]) in LEFT_OUT for length in range(1, len(parts) + 1))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put a longer limit before each test's own; pytest-timeout takes the nearest."""
    gone = [item for item in items if is_left_out(item.nodeid)]
    if gone:
        config.hook.pytest_deselected(items=gone)
        items[:] = [item for item in items if item not in gone]
    for item in items:
        limit = item.get_closest_marker("timeout")
        if limit is not None and limit.args:
            item.add_marker(pytest.mark.timeout(limit.args[0] * FACTOR), append=False)
