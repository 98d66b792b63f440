"""The benchmark's part for Windows works; its figures are for a computer at rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.smoke import SECONDS, measure_quickly


@pytest.mark.timeout(SECONDS)
def test_windows_can_be_measured(tmp_path: Path) -> None:
    rows = {row["name"]: row for row in measure_quickly(tmp_path, "windows")["rows"]}
    beside = {
        f"{prefix}{name}, {kind} connection, p{percent}"
        for prefix, name in (("", "_ping"), ("", "ps"), ("the endpoint alone: ", "_ping"))
        for kind in ("new", "kept")
        for percent in (50, 99)
    }
    beside |= {f"the endpoint alone: to the {end}" for end in ("client", "engine")}
    beside |= {"docker load", "docker save", "idle, supervisor: processor", "idle, supervisor: memory (RSS)"}
    assert set(rows) == beside | {f"idle, Wine's server: {what}" for what in ("processor", "memory (RSS)")}
    assert all(rows[name]["theirs"] is not None for name in beside)
