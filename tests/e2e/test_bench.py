"""The benchmark's parts that need a machine work; their figures are for a computer at rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.command import PARTS
from tests.bench.smoke import SECONDS, measure_quickly

pytestmark = pytest.mark.machine

ELSEWHERE = ("window", "windows", "kubernetes")
"""The parts with tests of their own; the last needs its image, whose build takes a quarter of an hour."""

WITH_PEERS = ("boot", "latency", "throughput", "ports")


@pytest.mark.slow("a machine of its own, started four times, and one of Debian's that has to be built")
@pytest.mark.timeout(SECONDS)
def test_the_machine_can_be_measured(tmp_path: Path) -> None:
    parts = [part for part in PARTS if part not in ELSEWHERE]
    rows = measure_quickly(tmp_path, *parts)["rows"]
    assert {row["part"] for row in rows} == set(parts)
    assert all(row["theirs"] is not None for row in rows if row["part"] in WITH_PEERS)
