"""The window's part of the benchmark works; its figures are for a computer at rest."""

from __future__ import annotations

from pathlib import Path

from tests.bench.smoke import measure_quickly


def test_the_window_can_be_measured(tmp_path: Path) -> None:
    names = " ".join(row["name"] for row in measure_quickly(tmp_path, "window")["rows"])
    for what in ("first paint", "memory at rest", "500 changing", "images, scroll", "log: lines taken"):
        assert what in names
