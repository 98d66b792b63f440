"""The command line as a user has it: processes of their own, with the stand-in as the supervisor."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.cli import Program
from tests.e2e.leftovers import assert_nothing_left

MakeSlipway = Callable[[str], Program]


@pytest.fixture
def home() -> Iterator[Path]:
    """A home with a short path (sockets!); nothing of it may be left running."""
    folder = Path(tempfile.mkdtemp(prefix="slipway-", dir="/tmp")).resolve()
    yield folder
    slipway_of(folder, "").run("stop", timeout=60)
    try:
        assert_nothing_left(folder)
    finally:
        shutil.rmtree(folder)


@pytest.fixture
def make_slipway(home: Path) -> MakeSlipway:
    """``slipway`` whose supervisor plays a scenario (``desktop/supervisor/fake/scenario.py``)."""
    return lambda scenario: slipway_of(home, scenario or "empty")


def slipway_of(home: Path, scenario: str) -> Program:
    environment = {
        "SLIPWAY_HOME": str(home),
        "SLIPWAY_FAKE": scenario,
        "DOCKER_CONFIG": f"{home}/docker",
        "XDG_CONFIG_HOME": f"{home}/config",
        "XDG_DATA_HOME": f"{home}/share",
    }
    return Program((sys.executable, "-m", "desktop.cli"), environment)
