"""What many tests of the desktop start with."""

from __future__ import annotations

from pathlib import Path

import pytest

from vm.host.paths import Paths


@pytest.fixture
def paths(tmp_path: Path) -> Paths:
    """The folders of an installation of the test's own."""
    made = Paths(tmp_path / "h", tmp_path / "c")
    made.prepare()
    return made
