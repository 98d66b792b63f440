"""The benchmark's part for Kubernetes works; its figures are for a computer at rest."""

from __future__ import annotations

import os
from pathlib import Path

from tests.bench.smoke import measure_quickly
from tests.e2e.kubernetes.cluster import MARKS

pytestmark = MARKS


def test_the_cluster_can_be_measured(tmp_path: Path) -> None:
    rows = measure_quickly(tmp_path, "kubernetes")["rows"]
    assert {row["part"] for row in rows} == {"kubernetes"}
    assert all(row["theirs"] is not None for row in rows) == (os.geteuid() == 0)
