"""Shared folders on Windows: what the package's own Python does with the kernel's calls, pipes and reports.

The cases are scripts, since pytest is not in the package: folder_*_cases.py. What Wine lacks (links, moves between
folders) they try on Windows only.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.wine.system import WineSystem
from tests.wine.windows import PYTHON


@pytest.mark.quick
@pytest.mark.parametrize(
    ("script", "cases"),
    [
        ("folder_cases.py", 14),
        ("folder_daemon_cases.py", 1),
        ("folder_path_cases.py", 4),
        ("folder_event_cases.py", 6),
    ],
)
def test_every_case_passes(wine: WineSystem, script: str, cases: int) -> None:
    (wine.drive_c / script).write_bytes((Path(__file__).parent / script).read_bytes())
    done = wine.run([PYTHON, rf"C:\{script}"], seconds=240)
    assert done.code == 0, f"{done.output}{done.errors}"
    assert len([line for line in done.output.splitlines() if line.startswith("passed ")]) == cases, done
